"""Tokens of cl100k_base, for each text of a JSON list on standard input. Run in an environment of its own.

LiteLLM ships the vocabulary, so nothing is downloaded.
"""

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> None:
    """Count, and write the counts as a JSON list."""
    found = find_spec("litellm")
    if found is None or found.origin is None:
        raise RuntimeError("litellm is not installed here")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(found.origin).parent / "litellm_core_utils" / "tokenizers")
    import tiktoken  # noqa: PLC0415 - it reads the variable

    vocabulary = tiktoken.get_encoding("cl100k_base")
    counts = [len(vocabulary.encode(text, disallowed_special=())) for text in json.load(sys.stdin)]
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
