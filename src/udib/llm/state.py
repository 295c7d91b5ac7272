"""What was learned, as bytes: MessagePack with a tag that names the kind and its version; never pickle."""

from collections.abc import Generator
from contextlib import contextmanager

import msgspec

from udib.core.errors import BadRequestError


@contextmanager
def readable_state() -> Generator[None]:
    """Raise `BadRequestError` for bytes that are damaged, of another version, or do not fit together."""
    try:
        yield
    except (ValueError, msgspec.MsgspecError) as exc:
        raise BadRequestError(
            f"What the router learned cannot be read by this udib ({exc}); let it learn again, or update udib."
        ) from exc
