"""What an HTTP status means for the caller. Apart, so that a child process can have it without aiohttp."""

from udib.core.errors import BadRequestError, ForbiddenError, NotSentError, UdibError, UnavailableError


def status_error(status: int, host: str) -> UdibError:
    """The error that an HTTP status (300 to 599) of a host stands for."""
    if status in {401, 403}:
        return ForbiddenError(f"{host} refuses access (HTTP {status}); it needs a login or a permission.")
    if status == 402:
        return ForbiddenError(f"{host} asks for payment (HTTP 402); pay there, or go without it.")
    if status in {404, 410}:
        return BadRequestError(f"{host} has nothing at this address (HTTP {status}); check it.")
    if status == 429:
        return NotSentError(f"{host} asks for fewer requests (HTTP 429); try again later.")
    if status >= 500:
        return UnavailableError(f"{host} has a fault of its own (HTTP {status}); try again later.")
    return BadRequestError(f"{host} does not accept the request (HTTP {status}).")
