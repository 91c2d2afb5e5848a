"""`sfs run`: the proxy, and beside it the page that sets it and the refresh of its lists."""

import asyncio
import secrets
import sys
from collections.abc import Mapping, Sequence

import click

from sfs.cli.beside import AdminPage, page_address, page_lines, page_places
from sfs.cli.common import Chosen, chosen, config_options, print_warnings
from sfs.cli.greeting import greeting, language_here, ready
from sfs.cli.lan import lan_lines
from sfs.cli.program import link_command
from sfs.cli.questions import ask_level, offer_first_update
from sfs.cli.run_workers import MOST, Workers, fault_of_workers
from sfs.cli.upgrade import not_yet
from sfs.errors import SfsError
from sfs.proxy.handover import Sockets, Successor, Taken, take_over, tell_systemd, this_command
from sfs.sources.changes import Changes
from sfs.sources.choice import levels_in_use, list_states
from sfs.sources.control import Control
from sfs.sources.filter import Filter
from sfs.sources.journal import Journal
from sfs.sources.machine import check_listen, lan_listen
from sfs.sources.protection import protection
from sfs.sources.refresh import Refresher, update_command
from sfs.sources.reports import Reports
from sfs.sources.trust import Trust
from sfs.sources.values import Listen
from sfs.sources.watch import Watcher
from sfs.web.texts import Language


@click.command("run")
@config_options
@click.option("--listen", metavar="H:P", help="Where browsers reach the proxy.  [127.0.0.1:8080]")
@click.option("--lan", is_flag=True, help="Serve the devices of the house too: listen on the private addresses.")
@click.option("--admin", metavar="H:P", help="Where the page that sets the filter is.  [127.0.0.1:8081]")
@click.option("--no-admin", is_flag=True, help="Without that page.")
@click.option("--workers", type=click.IntRange(1, MOST), default=1, help="Processes that serve.  [1]")
@click.option("--state", metavar="DIR", help="Where certificates and the log are kept.")
def command(lan: bool, no_admin: bool, workers: int, **config_arguments: object) -> int:
    """Run the filtering proxy. Point a browser's HTTP and HTTPS proxy at its address."""
    if workers > 1 and (fault := fault_of_workers()) is not None:
        click.echo(f"warning: --workers {workers}: {fault}", err=True)
        workers = 1
    not_yet()
    run = _asked(lan, no_admin, config_arguments)
    if workers > 1:
        return Workers(run, workers).serve()
    from sfs.cli.run_alone import serve_alone

    asyncio.run(serve_alone(run))
    return 0


def _asked(lan: bool, no_admin: bool, config_arguments: Mapping[str, object]) -> "Run":
    """What is asked for, with its filter. A function of its own: while it serves, nothing here refers to that filter,
    which would keep it in memory, with its lists, when another is in force."""
    taken = take_over()
    said = chosen(config_arguments, ask_level, page_first=True)
    filter_ = said.filter()
    print_warnings(filter_)
    fetch = offer_first_update(filter_)
    _say_level(said, filter_)
    listen = taken.listen if taken else lan_listen(filter_.config.listen) if lan else (filter_.config.listen,)
    # For whom only mandatory lists hold there is nothing to set.
    with_page = not no_admin and filter_.policies.default.checks is None
    places = page_places(filter_.config.admin, listen if lan else ()) if with_page else ()
    if taken is None:
        check_listen(listen)
        check_listen(places, "--admin")
        check_listen([metrics] if (metrics := filter_.config.metrics) else (), "metrics:")
    elif taken.page:
        places = tuple(Listen(host, port) for host, port in taken.page) if with_page else ()
    asked = config_arguments["level"] is None and said.given.get("level") is not None
    again = this_command(*(("--level", str(said.given["level"])) if asked else ()))
    return Run(said, filter_, listen, places, lan=lan, fetch=fetch, taken=taken, again=again)


def _say_level(said: Chosen, filter_: Filter) -> None:
    """A level that was chosen on the page holds over the one of the command line: say so, it is no fault."""
    given, level = said.given.get("level"), filter_.config.level
    if given is not None and given != level:
        click.echo(f"level {level} was chosen on the page and holds, not --level {given}", err=True)


class Run:
    """One run of the proxy with what stands beside it."""

    def __init__(
        self,
        said: Chosen,
        filter_: Filter,
        listen: Sequence[Listen],
        places: Sequence[Listen],
        *,
        lan: bool,
        fetch: bool,
        taken: Taken | None,
        again: Sequence[str],
    ) -> None:
        from sfs.proxy.setup import CA_FOLDER

        self.said, self.lan, self.fetch = said, lan, fetch
        self.taken, self.again = taken, tuple(again)
        self.key = taken.key if taken else secrets.token_bytes(32)
        self.live = said.live(filter_)
        self.listen = self.listening = tuple(listen)
        self.ca_folder = filter_.config.state / CA_FOLDER
        self.page = AdminPage(places, self.ca_folder, taken.page if taken else {})
        self.metrics = filter_.config.metrics
        self.refresher: Refresher | None = None
        self.watcher = Watcher(self.live)

    def page_moved(self, places: tuple[Listen, ...]) -> None:
        """The page is served by another process, there."""
        self.page.listening = places

    def closed_ports(self) -> list[int]:
        """The ports that no client reaches by way of us: the page's, and the one meant for it where it does not run;
        that of the figures."""
        configured = self.live.filter.config.admin.port
        return [*self.page.ports, *([configured] if configured else []), *([self.metrics.port] if self.metrics else [])]

    def say_ready(self) -> None:
        """Print where the proxy is."""
        from sfs.proxy.run import ready_line

        policy = self.live.filter.policies.default
        if sys.stdout.isatty():  # what is missing stands below the steps
            level = policy.level if policy.checks is None else None
            click.echo(ready(self._language(), self.listening[0], level))
        else:
            click.echo(ready_line(self.live.filter, self.listening[0]))
            click.echo("     set it as the browser's proxy for HTTP and HTTPS, then open http://sfs.home.arpa/")
        sys.stdout.flush()
        tell_systemd("READY=1")

    def say_serves(self) -> None:
        """Tell the program that handed over, if one did, that this one serves."""
        if self.taken is not None:
            self.taken.serves()

    def successor(self, proxy: Sockets, page: Sockets) -> Successor:
        """Start the program that is on the disk now, and hand it copies of what listens, which are closed here."""
        hosts = [place.host for place in self.listen]
        inside = dict(sorted(proxy.items(), key=lambda item: hosts.index(item[0][0]) if item[0][0] in hosts else 0))
        try:
            return Successor(self.again, inside, page, self.key)
        finally:
            for sock in (one for sockets in (proxy, page) for some in sockets.values() for one in some):
                sock.close()

    def start_beside(self, journal: Journal, trust: Trust, reports: Reports) -> None:
        """What the proxy does not wait for; it filters whether or not this works."""
        state = self.live.filter.config.state
        self.refresher = Refresher(self.live, update_command(self.said.path, self.said.given, state))
        self.refresher.start()
        self.watcher.start()
        if self.fetch:
            self.refresher.update_now()
        page: tuple[str, bool] | None = None
        if self.page.places:
            try:
                self.page.start(self._control(self.refresher, journal, trust, reports))
                page = page_address(self.page)
            except SfsError as fault:
                click.echo(f"warning: no page to set the filter: {fault}", err=True)
            except Exception as fault:  # a locked database, for one: the filter goes on without its page
                click.echo(f"warning: no page to set the filter: {type(fault).__name__}", err=True)
        lines = [] if page is None else page_lines(*page)
        if sys.stdout.isatty():
            lines = self._greeting(page)
        admin = next((f"https://{place}/" for place in self.page.listening[1:]), None)
        language = self._language() if sys.stdout.isatty() else "en"  # services and scripts read it in English
        for line in (*lines, *(lan_lines(self.listening, admin, language) if self.lan else ())):
            click.echo(line)
        sys.stdout.flush()

    def _language(self) -> Language:
        return language_here(self.live.filter.config.language)

    def _greeting(self, page: tuple[str, bool] | None) -> list[str]:
        address, first = page or (None, False)
        warnings = protection(self.live.filter).warnings
        return [*greeting(self._language(), self.listening[0], address, first=first, warnings=warnings)]

    def stop_beside(self) -> None:
        """End it, in a thread."""
        self.watcher.close()
        self.stop_page()

    def stop_page(self) -> None:
        """End what another program does in our place already; what is open here goes on by the newest filter."""
        self.page.stop()
        if self.refresher is not None:
            self.refresher.close()

    def _control(self, refresher: Refresher, journal: Journal, trust: Trust, reports: Reports) -> Control:
        from sfs.proxy.setup import CA_CERTIFICATE

        certificate = self.ca_folder / CA_CERTIFICATE
        return Control(
            live=self.live,
            changes=Changes(self.live.filter.config.state, self.said.check),
            journal=journal,
            trust=trust,
            reports=reports,
            lists=lambda: list_states(self.live.filter.config, levels_in_use(self.live.filter.policies)),
            update_lists=refresher.update_now,
            updating=lambda: refresher.updating,
            proxy=lambda: str(self.listening[1 if self.lan else 0]),  # with --lan loopback is first, then IPv4
            certificate=lambda: certificate if certificate.is_file() else None,
            link_command=lambda: link_command(self.live.filter.config.state, self.page.listening[0]),
        )
