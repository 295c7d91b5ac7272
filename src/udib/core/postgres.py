"""What PostgreSQL's refusals mean to the user, said once for every room that has an adapter of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from udib.core.errors import BadRequestError, ForbiddenError, UdibError, UnavailableError

# What the server's error codes mean: https://www.postgresql.org/docs/current/errcodes-appendix.html
_MEANINGS: Final[dict[str, tuple[type[UdibError], str]]] = {
    "25006": (UnavailableError, "is read-only, perhaps a standby; name the primary server in {setting}_url."),
    "28000": (ForbiddenError, "refused the login; check user and password in {setting}_url."),
    "28P01": (ForbiddenError, "refused the login; check user and password in {setting}_url."),
    "3D000": (BadRequestError, "cannot be used: {message}; create it, or correct {setting}_url."),
    "42501": (ForbiddenError, "does not allow this to the role in {setting}_url: {message}; grant it."),
    "42939": (BadRequestError, "keeps the name in {setting}_schema for itself; choose another."),
    "42P01": (UnavailableError, "has lost tables of {what} while udib ran: {message}; start udib again."),
    "53100": (UnavailableError, "has a full disk; free some space there and try again."),
    "57014": (UnavailableError, "took too long for one statement and was stopped; try again when it is less busy."),
}
_OUTAGES: Final = frozenset({"08", "40", "53", "55", "57", "58", "XX"})
# At the login the library gives no code. A server that speaks another language is only told to be unavailable.
_LOGIN: Final[dict[str, type[UdibError]]] = {
    "authentication failed": ForbiddenError,
    "no password supplied": ForbiddenError,
    "no pg_hba.conf entry": ForbiddenError,
    'role "': ForbiddenError,
    "permission denied": ForbiddenError,
    'database "': BadRequestError,
    "connection is bad: invalid": BadRequestError,
}


@dataclass(frozen=True, slots=True)
class DatabasePlace:
    """A database as sentences name it, never with its password.

    Attributes:
        where: Host and database.
        setting: What the names of its settings begin with, such as "memory.postgres".
        what: What udib keeps there, such as "the memory".
    """

    where: str
    setting: str
    what: str

    @classmethod
    def of(cls, given: Mapping[str, str] | None, setting: str, what: str) -> "DatabasePlace":
        """The place that the parts of a connection string name; None: it has none that can be read.

        Raises:
            BadRequestError: It is no connection string. The error tells no part of it: one may be a piece of the
                password.
        """
        # A password with a sign of its own ends too early; what is left of it would be taken for a host, port or
        # database.
        wrong = given is None or "@" in given.get("host", "")[1:] or "@" in given.get("dbname", "")
        if given is None or wrong or not given.get("port", "0").replace(",", "").isdigit():
            raise BadRequestError(
                f"{setting}_url is no connection string of PostgreSQL; write postgresql://user:password@host:5432/"
                "database, with signs in the password as %40 (@), %2F (/), %3A (:)."
            )
        where = f"{given.get('host') or 'localhost'}, database {given.get('dbname') or 'by default'}"
        return cls(where, setting, what)

    def refusal(self, code: str, message: str, *, outage: bool) -> UdibError | None:
        """What an error means; None: it is a bug in our SQL or its values.

        Args:
            code: The server's five characters; empty: the error has none.
            message: Its first line.
            outage: Whether the library says that the connection or the server is to blame.
        """
        if code in _MEANINGS:
            kind, text = _MEANINGS[code]
            said = text.format(message=message, setting=self.setting, what=self.what)
            return kind(f"PostgreSQL at {self.where} {said}")
        refusals = [kind for sign, kind in _LOGIN.items() if sign in message and not code]
        if refusals:
            return refusals[0](f"PostgreSQL at {self.where} cannot be used: {message}; check {self.setting}_url.")
        if outage or code[:2] in _OUTAGES:
            return UnavailableError(
                f"PostgreSQL at {self.where} cannot do this now: {message}; see whether it runs, and try again."
            )
        return None

    def silence(self) -> UnavailableError:
        """No connection was free in time, or nothing was answered on it."""
        return UnavailableError(
            f"PostgreSQL at {self.where} gave no connection or answer in time; see whether it runs, and try again."
        )
