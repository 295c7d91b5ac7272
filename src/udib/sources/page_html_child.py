"""The child process that reads one web page; its argument is the charset that the server named, or nothing."""

import sys

from udib.sources.page_child import serve
from udib.sources.page_html import read_html

if __name__ == "__main__":
    charset = sys.argv[1] if len(sys.argv) > 1 else ""
    serve(lambda body: read_html(body, charset or None))
