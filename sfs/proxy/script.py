"""SFS as a script of stock mitmproxy: `mitmdump -s sfs/proxy/addon.py --set sfs_level=2`.

Slower than `sfs run` (all of mitmproxy's own addons take part) and with mitmproxy's CA, but the same verdicts. Until
a configuration is loaded, and where it cannot be, nothing is let through: a script that fails must not leave an open
proxy."""

import asyncio
import logging
from pathlib import Path
from typing import Any

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader
from mitmproxy.exceptions import OptionsError

from sfs.errors import SfsError
from sfs.proxy import stock
from sfs.proxy.addon import SfsAddon
from sfs.proxy.pages import Pages
from sfs.proxy.resolver import Resolver
from sfs.proxy.setup import is_loopback, named_clients, reach_of
from sfs.sources.config import load_config
from sfs.sources.filter import load_filter
from sfs.sources.https import ca_id
from sfs.sources.journal import Journal
from sfs.sources.live import Live
from sfs.sources.trust import Trust

log = logging.getLogger("sfs.proxy")

TRUST_FILE = "trust-mitmproxy.json"  # another CA than that of `sfs run`, so others who trust it

_HOOKS = frozenset(
    {
        "client_connected",
        "client_disconnected",
        "http_connect",
        "tls_clienthello",
        "tls_established_client",
        "tls_failed_client",
        "server_connect",
        "requestheaders",
        "request",
        "responseheaders",
        "html_head",
        "response",
    }
)


class Script:
    """Stands in the chain of addons and hands each hook to the SfsAddon it made from the options."""

    name = "sfs"

    def __init__(self) -> None:
        self._addon: SfsAddon | None = None
        self._journal: Journal | None = None
        self._trust: Trust | None = None
        self._loading = False

    def __getattr__(self, name: str) -> Any:
        if name not in _HOOKS:
            raise AttributeError(name)
        if self._addon is not None:
            return getattr(self._addon, name)
        if name in ("requestheaders", "http_connect"):
            return _refuse
        raise AttributeError(name)

    def load(self, loader: Loader) -> None:
        """Our options, and the one of mitmproxy that the order of checks needs: no connection before the verdict."""
        loader.add_option("sfs_config", str, "", "SFS: a configuration file.")
        loader.add_option("sfs_level", str, "", "SFS: the level, 0 to 4.")
        stock.install()

    def configure(self, updated: set[str]) -> None:
        """Load the filter. OptionsError with every fault where that fails; then nothing is let through."""
        if self._loading or (not updated & {"sfs_config", "sfs_level"} and self._addon is not None):
            return
        self._addon = None
        self._loading = True  # setting options below calls this again
        try:
            self._configure()
        finally:
            self._loading = False

    def _configure(self) -> None:
        path = Path(ctx.options.sfs_config) if ctx.options.sfs_config else None
        overrides = {"level": ctx.options.sfs_level} if ctx.options.sfs_level else {}
        try:
            config = load_config(path, overrides)
            filter_ = load_filter(config)
        except SfsError as fault:
            raise OptionsError(f"sfs: {fault}") from None
        # rawtcp: what is no HTTP would pass through a tunnel that is to be inspected, and nobody would have judged it.
        ctx.options.update(connection_strategy="lazy", upstream_cert=False, rawtcp=False)
        stock.set_front(config.front)
        self._close()
        self._journal = Journal(config.state / "log", config.retention)
        certificate = Path(ctx.options.confdir).expanduser() / "mitmproxy-ca-cert.pem"
        self._trust = Trust(config.state / TRUST_FILE)
        self._trust.use_ca(ca_id(certificate))
        live = Live(filter_, lambda old: load_filter(load_config(path, overrides), old))
        self._addon = SfsAddon(
            live,
            Pages(live, lambda: certificate if certificate.is_file() else None),
            self._journal,
            Resolver(reach_of(config).with_ports(_ports(), [config.admin.port])),
            trust=self._trust,
            listens_on_loopback=is_loopback(ctx.options.listen_host or ""),
            named_clients=named_clients(config),
        )
        self._guard()

    def running(self) -> None:
        """The ports are known now, and the loop runs."""
        self._guard()
        if self._addon is not None:
            self._addon.running()

    def done(self) -> None:
        """Write what waits."""
        self._close()

    def _close(self) -> None:
        if self._journal is not None:
            self._journal.close()
        if self._trust is not None:
            self._trust.close()

    def _guard(self) -> None:
        if self._addon is None:
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return  # not yet: `running` comes
        resolver = self._addon.resolver
        resolver.reach = resolver.reach.with_ports(_ports(), resolver.reach.other_ports)
        resolver.install()


async def _refuse(flow: http.HTTPFlow) -> None:
    flow.response = http.Response.make(503, b"SFS has no usable configuration; see its messages.\n")


def _ports() -> list[int]:
    server = ctx.master.addons.get("proxyserver")
    listening = [address[1] for address in server.listen_addrs()] if server is not None else []
    return listening or [ctx.options.listen_port or 8080]
