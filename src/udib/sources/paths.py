"""Paths as users write them."""

import os
from pathlib import Path

from udib.core.errors import BadRequestError


def absolute(path: str) -> Path:
    """A path from the root, without `..` and with the user's home written out; links are not followed.

    Raises:
        BadRequestError: The home directory is not known, or the name is no Unicode text.
    """
    try:
        found = Path(os.path.abspath(Path(path).expanduser()))  # noqa: PTH100 - resolve() would follow links
        str(found).encode()
    except RuntimeError as exc:
        raise BadRequestError(f"The home directory in {path} is not known; write the path out.") from exc
    except UnicodeEncodeError as exc:
        raise BadRequestError(f"The name of the file {path!a} is no Unicode text; rename the file.") from exc
    return found
