"""What runs beside the proxy: the page of its administrator, in threads of its own."""

import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sfs.admin.address import base_url, is_loopback
from sfs.cli.admin import DATABASE, INSTALL, NEEDED
from sfs.errors import SfsError
from sfs.sources.control import Control
from sfs.sources.machine import LOOPBACK, private_addresses
from sfs.sources.values import Listen

if TYPE_CHECKING:
    from sfs.admin.server import AdminServer
    from sfs.web.door import Door

_ALL: Final = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


@dataclass(slots=True)
class AdminPage:
    """The page that sets the filter: not started, started, stopped. `ports`: those it listens on; `given`: sockets
    that listen already, by host and port."""

    places: Sequence[Listen]
    ca_folder: Path
    given: Mapping[tuple[str, int], Sequence[socket.socket]] = field(default_factory=dict)
    listening: tuple[Listen, ...] = ()
    _servers: "list[AdminServer]" = field(default_factory=list)
    _door: "Door | None" = None

    @property
    def ports(self) -> list[int]:
        """The ports listened on, or about to be."""
        return [place.port for place in (self.listening or self.places) if place.port]

    def start(self, control: Control) -> None:
        """Listen; returns when requests are answered. Imports and opens files: not on the proxy's loop. SfsError where
        packages are missing, the accounts cannot be opened, or an address cannot be listened on."""
        try:
            from sfs.admin.account_pages import PAGES as ACCOUNT_PAGES
            from sfs.admin.app import make_app
            from sfs.admin.pages import PAGES
            from sfs.admin.server import AdminServer
            from sfs.web.door import open_door
        except ModuleNotFoundError as fault:
            raise SfsError(f"{NEEDED}: {fault.name} is missing", mend=INSTALL) from None
        door = self._door = open_door(control.live.filter.config.state / DATABASE)
        pages = (*PAGES, *ACCOUNT_PAGES)
        for place in self.places:
            names, there = self._names(place), (place.host, place.port)
            sock = next(iter(self.given.get(there, ())), None)
            server = AdminServer(
                lambda hosts: make_app(control, door, pages, hosts), there, self._tls(place), names, sock
            )
            self._servers.append(server)
            self.listening += (Listen(*server.start()),)

    def sockets(self) -> dict[tuple[str, int], tuple[socket.socket, ...]]:
        """What listens, by host and port: copies, for the caller to close."""
        places = zip(self.listening, self._servers, strict=False)
        found = {(place.host, place.port): server.listening() for place, server in places}
        return {place: (sock,) for place, sock in found.items() if sock is not None}

    def setup_link(self) -> str | None:
        """The path of a link that sets the first password; None where there is one. Asks the database."""
        token = None if self._door is None else self._door.setup_link()
        return None if token is None else f"setup/{token}"

    def url_for(self, client: str) -> str | None:
        """The address by which a client reaches the page; None where there is none, or it is not known."""
        own = is_loopback(client)
        for place in self.listening:
            if own if place.host in _ALL else is_loopback(place.host) == own:
                return f"{base_url(place.host, place.port)}/"
        return None

    def stop(self) -> None:
        """Answer no more; a second call does nothing."""
        servers, self._servers = self._servers, []
        for server in servers:
            server.stop()
        door, self._door = self._door, None
        if door is not None:
            door.close()

    def _names(self, place: Listen) -> tuple[str, ...]:
        """What browsers reach a listener by besides its own address."""
        return (*private_addresses(), LOOPBACK) if place.host in _ALL else ()

    def _tls(self, place: Listen) -> ssl.SSLContext | None:
        from sfs.admin.tls import server_context

        if is_loopback(place.host):
            return None
        far = dict.fromkeys(name for one in self.places for name in (one.host, *self._names(one)) if name not in _ALL)
        return server_context(self.ca_folder, tuple(far))


def page_places(admin: Listen, lan: Sequence[Listen]) -> tuple[Listen, ...]:
    """Where the page listens: as configured, and where the proxy serves the house there too."""
    more = [Listen(place.host, admin.port) for place in lan if place.host not in (LOOPBACK, admin.host)]
    return (admin, *more)


def page_address(page: AdminPage) -> tuple[str, bool]:
    """The address of the page once it is there, and whether it is a link that sets the first password. Asks the
    database."""
    here = page.listening[0]
    link = page.setup_link()
    return f"{base_url(here.host, here.port)}/{link or ''}", link is not None


def page_lines(address: str, first: bool) -> list[str]:
    """What `sfs run` prints of the page where nobody sits at a terminal."""
    lines = [f"     set the filter at {address}"]
    return [*lines, "     (this link sets the password; it works once, for 30 minutes)"] if first else lines
