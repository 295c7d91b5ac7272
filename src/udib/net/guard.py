"""The address guard: what an outsider names is never fetched from this machine's own or its neighbours' addresses.

The guard judges the address that a socket is about to connect to, not the name in the URL, so neither a redirect nor a
name that changes its address between look-up and connection (DNS rebinding) goes around it.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from udib.core.errors import BadRequestError, ForbiddenError

# What `is_global` calls public, in some version of Python or in all, and is not for us. Source: IANA IPv4 and IPv6
# Special-Purpose Address Registries; 168.63.129.16 is the metadata server of one cloud, on a public address.
_REFUSED: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(net)
    for net in (
        "100.64.0.0/10", "168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15",
        "64:ff9b:1::/48", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10",
    )
)  # fmt: skip
_NAT64 = ip_network("64:ff9b::/96")
_LOCALHOST = ("127.0.0.1", "::1")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet. An IPv6 address that carries an IPv4 one is judged by that."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address) and (inner := _embedded(ip)) is not None:
        ip = inner
    special = ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback or ip.is_link_local
    return ip.is_global and not special and not any(ip in net for net in _REFUSED if net.version == ip.version)


def _embedded(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is really reached: mapped, 6to4, or behind the well-known NAT64 prefix."""
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


def check_address(url: str) -> None:
    """Refuse an address that no request may be made for, whatever it points to.

    Raises:
        BadRequestError: It is no http(s) address, has no host, or carries a user name or password.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as exc:
        raise BadRequestError(f"{url!r} is no valid address; check its host and port.") from exc
    if parts.scheme.lower() not in {"http", "https"} or not host or any(char.isspace() for char in host):
        raise BadRequestError(f"{url!r} is no web address; give one that begins with http:// or https://.")
    if parts.username is not None or parts.password is not None:
        raise BadRequestError(f"The address at {host} carries a user name or password; give it without.")


class AddressGuard:
    """Decides which addresses may be connected to.

    Args:
        allowed: Exceptions chosen by the operator, each "host:port"; an IPv6 host stands in brackets. A name covers the
            addresses that it has when it is looked up; "localhost" always covers 127.0.0.1 and ::1.

    Raises:
        BadRequestError: An exception is not of that form.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self.allowed = frozenset(allowed)
        self._endpoints = {_endpoint(each) for each in self.allowed}
        for host, port in tuple(self._endpoints):
            if host == "localhost":
                self._endpoints |= {(address, port) for address in _LOCALHOST}

    def admit(self, host: str, port: int, addresses: Iterable[str]) -> None:
        """Tell the guard what a name was looked up as; it remembers that only for a name among the exceptions."""
        if (_plain(host), port) in self._endpoints:
            self._endpoints |= {(_plain(address), port) for address in addresses}

    def check(self, address: str, port: int) -> None:
        """Let a connection to an IP address pass, or not.

        Raises:
            PermissionError: The address is private and no exception covers it. (An OSError, because connection code
                treats it as a failed attempt and goes on to the host's next address; `forbidden` makes the sentence.)
        """
        if not is_public(address) and (_plain(address), port) not in self._endpoints:
            raise PermissionError(13, f"{address} is a private address")


def forbidden(host: str) -> ForbiddenError:
    """The sentence for a host whose address was refused."""
    return ForbiddenError(
        f"{host} points to a private address; allow it in net.allow (for pages: evidence.allow) if it is yours."
    )


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise BadRequestError(f"net.allow: {text!r} is not of the form host:port, such as localhost:8080.")
    return _plain(host.removeprefix("[").removesuffix("]")), int(port)


def _plain(host: str) -> str:
    """One spelling a host: lower case, no trailing dot, IP addresses in their shortest form."""
    try:
        return str(ip_address(host))
    except ValueError:
        return host.lower().rstrip(".")
