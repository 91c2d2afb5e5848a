"""The tuned way to start the proxy: a mitmproxy master with the few addons it needs (mitmproxy.md, section 7)."""

import asyncio
import contextlib
import inspect
import logging
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mitmproxy import options

from sfs.errors import SfsError
from sfs.proxy import stock
from sfs.proxy.addon import SfsAddon
from sfs.proxy.ending import Stop, UnderWay, drain
from sfs.proxy.figures import traffic
from sfs.proxy.garbage import give_back_often
from sfs.proxy.kept import Kept, open_kept
from sfs.proxy.pages import Pages
from sfs.proxy.parts import DisableH2C, Master, NextLayer, Proxyserver, TlsConfig
from sfs.proxy.resolver import Resolver
from sfs.proxy.setup import CA_CERTIFICATE, is_for_others, is_loopback, joined_ca, named_clients, prepare_ca, reach_of
from sfs.proxy.shared import Shared
from sfs.sources.config import Config
from sfs.sources.filter import Filter
from sfs.sources.https import ca_id
from sfs.sources.live import Live
from sfs.sources.machine import cannot_listen, check_listen
from sfs.sources.protection import protection
from sfs.sources.values import Listen

IDLE = 300  # seconds without a byte before a connection is closed

type Sockets = Mapping[tuple[str, int], Sequence[socket.socket]]  # those that listen already, by host and port
type Ready = Callable[[tuple[Listen, ...]], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Team:
    """What a process that serves has from who started it. `sockets`: those that listen already, none where it opens its
    own. `stop`: set by them. `shared`: who serves the same port. `signals`: it takes signals itself."""

    sockets: Sockets
    stop: Stop
    shared: Shared
    signals: bool = False


async def serve(
    live: Live,
    ready: Ready,
    *,
    listen: Sequence[Listen] = (),
    admin_ports: Callable[[], Sequence[int]] | None = None,
    settings: Callable[[str], str | None] = lambda client: None,
    kept: Kept | None = None,
    team: Team | None = None,
) -> None:
    """Run the proxy until SIGTERM or SIGINT, or until cancelled; what is kept is written then.

    `listen`: where, at least one; by default as the configuration says. `ready`: called once on the loop, with where
    connections are taken, in the order of `listen`; it may be async. `admin_ports`: the ports that our other pages
    listen on, asked at the start, after `ready` and after each reload; no client reaches those by way of us.
    `settings`: as Pages has it. `kept`: made by the caller where others need it, else here; closed here in any case.
    `team`: by default nobody, who takes signals.

    SfsError where an address cannot be listened on (with who holds it), or the guard on what clients reach cannot be
    put in place."""
    config = live.filter.config
    places = tuple(listen) or (config.listen,)
    team = team or Team({}, Stop(), Shared(), signals=True)
    try:
        if not team.sockets:
            await asyncio.to_thread(check_listen, places)  # a name among them is looked up
        limits()
        if (gone := stock.install()) and team.sockets:
            raise SfsError(f"mitmproxy has changed ({gone[0]}), so sockets cannot be taken over")
        folder = prepare_ca(config)
        if kept is None:
            kept = await asyncio.to_thread(open_kept, config)
        await _Running(live, places, folder, admin_ports, settings, kept, team).run(ready)
    finally:
        if kept is not None:
            await asyncio.to_thread(kept.close)


class _Running:
    """The parts of one running proxy."""

    def __init__(
        self,
        live: Live,
        places: tuple[Listen, ...],
        folder: Path,
        admin_ports: Callable[[], Sequence[int]] | None,
        settings: Callable[[str], str | None],
        kept: Kept,
        team: Team,
    ) -> None:
        config = live.filter.config
        self.live = live
        self.places = places
        self.listening: tuple[Listen, ...] = ()
        self.admin_ports = admin_ports or (lambda: [live.filter.config.admin.port])
        self.resolver = Resolver(reach_of(config))
        self.server = Proxyserver()
        self.under_way = UnderWay()
        self.stop, self.signals, shared = team.stop, team.signals, team.shared
        if not stock.stock_mode:
            stock.inherit(team.sockets)
        self.master = Master(_options(folder, places), with_termlog=False)
        certificate = folder / CA_CERTIFICATE
        kept.trust.use_ca(ca_id(certificate))
        pages = Pages(
            live,
            lambda: certificate if certificate.is_file() else None,
            kept.reports,
            self._lan,
            settings,
            shared.key("form"),
        )
        if not stock.stock_mode:
            stock.set_error_page(pages.connection)
        addon = SfsAddon(
            live,
            pages,
            kept.journal,
            self.resolver,
            trust=kept.trust,
            listens_on_loopback=all(is_loopback(place.host) for place in places),
            named_clients=named_clients(config),
            shared=shared,
        )
        # Ours comes after TlsConfig, which overwrites what tls_clienthello decides (mitmproxy.md, section 1).
        self.master.addons.add(self.server, NextLayer(), TlsConfig(), DisableH2C(), addon, self.under_way)
        shared.figures.also(lambda: traffic(addon, self.server))
        stock.set_hooks(self.master)
        _set_options(self.master.options, config, folder)

    async def run(self, ready: Ready) -> None:
        """Listen, serve until a signal comes, and end."""
        self._guard()
        self.resolver.install()
        await self.resolver.self_test()
        self._follow(asyncio.get_running_loop())
        if self.signals:
            self.stop.listen()
        running = asyncio.create_task(self.master.run())
        giving_back = asyncio.create_task(give_back_often())
        try:
            self.listening = await _listening(self.server, running, self.places)
            self._guard()
            said = ready(self.listening)
            if inspect.isawaitable(said):
                await said
            self._guard()
            await _until_stopped(self.stop.wished, running)
            await drain(self.server, self.under_way, self.stop)
        finally:
            giving_back.cancel()
            self.master.shutdown()
            with contextlib.suppress(Exception):
                await running

    def _lan(self) -> str | None:
        """HOST:PORT for the other devices of the house; None where only this machine is served."""
        return next((str(place) for place in self.listening if is_for_others(place.host)), None)

    def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        def changed(_: Filter) -> None:  # in the thread that reloads
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is served any more
                loop.call_soon_threadsafe(self._guard)

        self.live.on_change(changed)

    def _guard(self) -> None:
        """Have the resolver judge by the configuration in force and the ports we listen on; and know its balancers."""
        stock.set_front(self.live.filter.config.front)
        own = [place.port for place in (self.listening or self.places) if place.port]
        self.resolver.reach = reach_of(self.live.filter.config).with_ports(own, self.admin_ports())


def _options(folder: Path, places: Sequence[Listen]) -> options.Options:
    modes = [f"regular@{place.host}:{place.port}" for place in places]  # an IPv6 address stands there without brackets
    return stock.make_options(confdir=str(folder), mode=modes, ssl_insecure=False, http3=False, rawtcp=False)


def _set_options(opts: options.Options, config: Config, folder: Path) -> None:
    """Those that exist only once their addons are there."""
    opts.update(connection_strategy="lazy", upstream_cert=False, tcp_timeout=IDLE)
    if config.upstream_ca is not None:
        opts.update(ssl_verify_upstream_trusted_ca=str(joined_ca(config.upstream_ca, folder)))


async def _listening(
    server: Proxyserver, running: "asyncio.Task[None]", places: Sequence[Listen]
) -> tuple[Listen, ...]:
    """Wait until the sockets listen. mitmproxy only logs a port in use, so the addresses of each are looked at."""
    while not running.done():
        if server.is_running:
            found = []
            for place, instance in zip(places, server.servers, strict=True):
                if not instance.listen_addrs:
                    raise await asyncio.to_thread(cannot_listen, place)
                found.append(Listen(instance.listen_addrs[0][0], instance.listen_addrs[0][1]))
            return tuple(found)
        await asyncio.sleep(0.01)
    await running
    raise SfsError("the proxy ended before it listened")


async def _until_stopped(stop: asyncio.Event, running: "asyncio.Task[None]") -> None:
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


def limits() -> None:
    """As many descriptors as the system lets us: a household's browser alone opens hundreds of connections."""
    logging.getLogger().setLevel(logging.WARNING)
    # mitmproxy's master takes the root logger for itself, and shows none of it: our own lines would be lost.
    own = logging.getLogger("sfs")
    if not own.handlers:
        shown = logging.StreamHandler()
        shown.setFormatter(logging.Formatter("sfs: %(message)s"))
        own.addHandler(shown)
    own.setLevel(logging.INFO)
    own.propagate = False
    logging.getLogger("mitmproxy").setLevel(logging.ERROR)  # its lines hold client addresses and hosts
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(ValueError, OSError):  # a core file would hold keys, hosts and what was searched for
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def ready_line(filter_: Filter, listening: Listen) -> str:
    """`sfs: ready ...`: where the proxy is and what protects now, for a log or a script."""
    return f"sfs: ready on {listening}, {protection(filter_).ready}"
