"""The child process that reads one PDF."""

import io
import logging
import re
from typing import Final

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from udib.sources.page_child import Readable, UnreadableError, name, plain, serve

MOST_PAGES: Final = 50
_DATE: Final = re.compile(r"D:(\d{4})(\d\d)(\d\d)")


def read_pdf(body: bytes) -> Readable:
    """The words of a PDF.

    Raises:
        UnreadableError: It is damaged, locked, too long, or holds pictures of words only.
    """
    try:
        reader = PdfReader(io.BytesIO(body))
        if reader.is_encrypted:
            raise UnreadableError("the PDF is locked with a password")
        if len(reader.pages) > MOST_PAGES:
            raise UnreadableError(f"the PDF has {len(reader.pages)} pages, and at most {MOST_PAGES} are read")
        text = plain("\n".join(page.extract_text() for page in reader.pages))
        title = reader.metadata.title if reader.metadata else None
        created = _DATE.match(str(reader.metadata.get("/CreationDate"))) if reader.metadata else None
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, ZeroDivisionError) as exc:
        raise UnreadableError("the PDF is damaged") from exc  # the library trusts what a file says of itself
    if not text:
        raise UnreadableError("the PDF holds no words, only pictures of them")
    return Readable(text, name(title) or "", published_at="-".join(created.groups()) if created else None)


if __name__ == "__main__":
    logging.disable()  # the library complains about each damaged part
    serve(read_pdf)
