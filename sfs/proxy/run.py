"""The tuned way to start the proxy: a mitmproxy master with the few addons it needs (mitmproxy.md, section 7)."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mitmproxy import options

from sfs.errors import SfsError
from sfs.proxy import stock
from sfs.proxy.addon import SfsAddon
from sfs.proxy.pages import Pages
from sfs.proxy.parts import DisableH2C, Master, NextLayer, Proxyserver, TlsConfig
from sfs.proxy.reach import Resolver
from sfs.proxy.setup import CA_CERTIFICATE, is_loopback, joined_ca, named_clients, prepare_ca, reach_of
from sfs.sources.config import Config
from sfs.sources.filter import Filter
from sfs.sources.journal import Journal
from sfs.sources.protection import protection

DRAIN = 5.0  # seconds that open connections get to end after SIGTERM
IDLE = 300  # seconds without a byte before a connection is closed


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the proxy takes connections, once it does."""

    host: str
    port: int


async def serve(filter_: Filter, ready: Callable[[Listening], None]) -> None:
    """Run the proxy until SIGTERM or SIGINT. `ready` is called once, when connections are taken. SfsError where the
    address cannot be listened on, or the guard on what clients reach cannot be put in place."""
    config = filter_.config
    _limits()
    stock.install()
    folder = prepare_ca(config)
    host, port = config.listen.host, config.listen.port
    master = Master(_options(config, folder, host, port), with_termlog=False)
    resolver = Resolver(reach_of(config).with_ports([port] if port else [], [config.admin.port]))
    certificate = folder / CA_CERTIFICATE
    pages = Pages(filter_, lambda: certificate if certificate.is_file() else None)
    if not stock.stock_mode:
        stock.set_error_page(pages.connection)
    journal = Journal(config.state / "log", config.retention)
    addon = SfsAddon(
        filter_,
        pages,
        journal,
        resolver,
        listens_on_loopback=is_loopback(host),
        named_clients=named_clients(config),
    )
    server = Proxyserver()
    # Ours comes after TlsConfig, which overwrites what tls_clienthello decides (mitmproxy.md, section 1).
    master.addons.add(server, NextLayer(), TlsConfig(), DisableH2C(), addon)
    _set_options(master.options, config, folder)
    resolver.install()
    await resolver.self_test()
    stop = asyncio.Event()
    _on_signals(stop)
    running = asyncio.create_task(master.run())
    try:
        listening = await _listening(server, running, host, port)
        resolver.reach = resolver.reach.with_ports([listening.port], [config.admin.port])
        ready(listening)
        await _until_stopped(stop, running)
        await _drain(server)
    finally:
        master.shutdown()
        with contextlib.suppress(Exception):
            await running
        await asyncio.to_thread(journal.close)


def _options(config: Config, folder: Path, host: str, port: int) -> options.Options:
    return options.Options(
        confdir=str(folder), listen_host=host, listen_port=port, ssl_insecure=False, http3=False, rawtcp=False
    )


def _set_options(opts: options.Options, config: Config, folder: Path) -> None:
    """Those that exist only once their addons are there."""
    opts.update(connection_strategy="lazy", upstream_cert=False, tcp_timeout=IDLE)
    if config.upstream_ca is not None:
        opts.update(ssl_verify_upstream_trusted_ca=str(joined_ca(config.upstream_ca, folder)))


async def _listening(server: Proxyserver, running: "asyncio.Task[None]", host: str, port: int) -> Listening:
    """Wait until the sockets listen. mitmproxy only logs a port in use, so its addresses are looked at."""
    while not running.done():
        if server.is_running:
            addresses = server.listen_addrs()
            if not addresses:
                raise SfsError(
                    f"cannot listen on {host}:{port}",
                    mend="another program has this port, or this machine no such address: choose another with --listen",
                )
            return Listening(addresses[0][0], addresses[0][1])
        await asyncio.sleep(0.01)
    await running
    raise SfsError("the proxy ended before it listened")


async def _until_stopped(stop: asyncio.Event, running: "asyncio.Task[None]") -> None:
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, running}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def _drain(server: Proxyserver) -> None:
    """Take no more connections, and give those that are open a little time."""
    await server.servers.update([])
    end = asyncio.get_running_loop().time() + DRAIN
    while server.connections and asyncio.get_running_loop().time() < end:
        if all(not handler.transports or len(handler.transports) == 1 for handler in server.connections.values()):
            break  # nothing upstream is open: only idle kept-alive clients
        await asyncio.sleep(0.05)


def _on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if sys.platform != "win32":
            loop.add_signal_handler(number, stop.set)
        else:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))


def _limits() -> None:
    """As many descriptors as the system lets us: a household's browser alone opens hundreds of connections."""
    logging.getLogger().setLevel(logging.WARNING)
    # mitmproxy's master takes the root logger for itself, and shows none of it: our own lines would be lost.
    own = logging.getLogger("sfs")
    if not own.handlers:
        shown = logging.StreamHandler()
        shown.setFormatter(logging.Formatter("sfs: %(message)s"))
        own.addHandler(shown)
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


def _shown(listening: Listening) -> str:
    host = f"[{listening.host}]" if ":" in listening.host else listening.host
    return f"{host}:{listening.port}"


def ready_line(filter_: Filter, listening: Listening) -> str:
    """`sfs: ready ...`: where the proxy is and what protects now."""
    return f"sfs: ready on {_shown(listening)}, {protection(filter_).ready}"
