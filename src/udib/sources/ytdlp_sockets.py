"""The address guard on every socket of a process. For the yt-dlp child, whose clients all go through `socket`."""

import socket
from collections.abc import Callable
from typing import Any

from udib.net.guard import AddressGuard

_INTERNET = {socket.AF_INET, socket.AF_INET6}


class SocketGuard:
    """Lets this process connect to what the guard allows. `refused` names the hosts that were refused."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._names: dict[str, str] = {}
        self.refused: list[str] = []

    def install(self) -> None:
        """Wrap the functions that every client in pure Python goes through. There is no way back."""
        look_up = socket.getaddrinfo

        def getaddrinfo(host: str | bytes | None, port: str | int | None, *args: int, **more: int) -> list[Any]:
            found = look_up(host, port, *args, **more)
            name = host.decode() if isinstance(host, bytes) else str(host)
            for _, _, _, _, address in found:
                self._names[str(address[0])] = name
                self._guard.admit(name, int(address[1]), [str(address[0])])
            return found

        socket.getaddrinfo = getaddrinfo  # type: ignore[assignment]
        for method in ("connect", "connect_ex", "sendto"):
            setattr(socket.socket, method, self._guarded(getattr(socket.socket, method)))

    def _guarded(self, original: Callable[..., object]) -> Callable[..., object]:
        def wrapped(sock: socket.socket, *args: object) -> object:
            self.check(sock.family, args[-1])
            return original(sock, *args)

        return wrapped

    def check(self, family: int, address: object) -> None:
        """Let a connection pass, or not.

        Raises:
            PermissionError: The address is private, or no internet address at all.
        """
        host, port = (str(address[0]), int(address[1])) if isinstance(address, tuple) else (str(address), 0)
        if family in _INTERNET and self._allows(host, port):
            return
        self.refused.append(self._names.get(host, host))
        raise PermissionError(13, f"{host} is a private address")

    def _allows(self, host: str, port: int) -> bool:
        try:
            self._guard.check(host, port)
        except (PermissionError, ValueError):  # ValueError: a name, which would be looked up unseen
            return False
        return True
