"""What each program can express of a mandatory list: one list, each program asked, a row of a table for each.

`python -m tests.export.engines.expressed` writes the table into README.md; the tests of each program compare its row.
"""

import ipaddress
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sfs.export import resolving
from sfs.export.engines import ENGINES
from sfs.export.order import Order, sift
from sfs.export.resolving import Loading, exempt_zone
from sfs.export.told import told
from sfs.export.transfer import bind_policy
from sfs.lists.canary import canary_tree
from sfs.lists.mandatory import Purpose, Report
from sfs.lists.mandatory_file import read_mandatory
from tests.export.engines import programs
from tests.export.engines.programs import EXEMPT, STOP4, STOP6, Program
from tests.web.test_stop import STOP

README = Path(__file__).parents[3] / "README.md"
SERIAL = 2026112801
LIST = """\
tree.example
=host.example
www.tree.example
=under_score.example
shared.example/a/page.html
192.0.2.10
[2001:db8::10]
"""
TOLD = told(STOP, "en")
HEAD = ("loaded in", "a name and all below", "one name", "a page", "an address", "other types", "exempted client",
        "extended error", "tells its serial")  # fmt: skip
type Start = Callable[[Path, Program], Program]


def order(
    *, exempt: bool, nxdomain: bool = False, lines: str = LIST, serial: int = SERIAL, client: str = EXEMPT
) -> Order:
    """An order for the list above."""
    found = read_mandatory(lines.encode().splitlines(keepends=True), "list.txt", Purpose.POLICY)
    stop = () if nxdomain else (ipaddress.ip_address(STOP4), ipaddress.ip_address(STOP6))
    nets = (ipaddress.ip_network(client),) if exempt else ()
    return Order(Purpose.POLICY, "policy.rpz", serial, found.entries, stop, nets, "192.0.2.1:8080", TOLD)


def output(name: str, **how: object) -> tuple[str, Report]:
    """What `sfs lists export` writes for a program, and what it reports."""
    wanted, report = order(**how), Report()  # type: ignore[arg-type]
    engine = ENGINES[name]
    return "".join(f"{line}\n" for line in engine.write(wanted, sift(engine, wanted, report, "list.txt"))), report


def written(folder: Path, name: str, **how: object) -> Path:
    """The same in a file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"output.{name}"
    file.write_text(output(name, **how)[0])
    return file


def loading(folder: Path, name: str, **how: Any) -> Path:
    """A zone, and a file with the lines with which a resolver loads it."""
    zone, lines = written(folder, "rpz", exempt=True, **how), folder / "loading"
    what = Loading(Purpose.POLICY, "policy.rpz", zone, None, order(exempt=True, **how).exempt, folder / "exempt", TOLD)
    (folder / "exempt").write_text("".join(f"{line}\n" for line in exempt_zone(what)))
    lines.write_text("".join(f"{line}\n" for line in resolving.RESOLVERS[name](what)))
    return lines


def bind_rpz(folder: Path, world: Program, **how: object) -> Program:
    lines = loading(folder, "bind", **how).read_text()
    return programs.named(folder, world, bind_policy(["policy.rpz"]), lines).with_list()


def unbound_rpz(folder: Path, world: Program, **how: object) -> Program:
    return programs.unbound(
        folder, world, f'include: "{loading(folder, "unbound", **how)}"\n', "respip iterator"
    ).with_list()


def pdns_rpz(folder: Path, world: Program, **how: object) -> Program:
    lines = f"lua-config-file={loading(folder, 'pdns', **how)}\ndisable-packetcache=yes\n"
    return programs.pdns(folder, world, lines).with_list()


def knot_rpz(folder: Path, world: Program, **how: object) -> Program:
    return programs.kresd(folder, world, f"dofile('{loading(folder, 'knot', **how)}')\n").with_list()


def unbound_lines(folder: Path, world: Program, **how: object) -> Program:
    lines = f'include: "{written(folder, "unbound", exempt=True, **how)}"\n'
    return programs.unbound(folder, world, lines).with_list(canary_tree("policy.rpz"))


def knot_lua(folder: Path, world: Program, **how: object) -> Program:
    return programs.kresd(folder, world, f"dofile('{written(folder, 'knot', exempt=True, **how)}')\n").with_list()


def pdns_lua(folder: Path, world: Program, **how: object) -> Program:
    return programs.pdns(folder, world, f"lua-dns-script={written(folder, 'pdns', exempt=True, **how)}\n").with_list()


def dnsmasq_lines(folder: Path, world: Program, **how: object) -> Program:
    return programs.dnsmasq(folder, world, f"conf-file={written(folder, 'dnsmasq', exempt=False, **how)}\n").with_list()


def hosts_file(folder: Path, world: Program, **how: object) -> Program:
    return programs.dnsmasq(folder, world, f"addn-hosts={written(folder, 'hosts', exempt=False, **how)}\n").with_list()


# Each resolver with its output; the first word is the --format.
RESOLVERS: dict[str, Callable[..., Program]] = {
    "rpz in BIND 9": bind_rpz,
    "rpz in Unbound": unbound_rpz,
    "rpz in PowerDNS Recursor": pdns_rpz,
    "rpz in Knot Resolver": knot_rpz,
    "unbound": unbound_lines,
    "pdns": pdns_lua,
    "knot": knot_lua,
    "dnsmasq": dnsmasq_lines,
    "hosts in dnsmasq": hosts_file,
}


def resolver_row(name: str, running: Program) -> tuple[str, ...]:
    """The row of a resolver, by what it answers."""
    asked = ("tree.example A", "a.b.tree.example A", "host.example A", "www.host.example A", "shared.example A")
    apex, below, host, under, shared = running.ask(*asked)
    others = running.ask("tree.example HTTPS", "tree.example MX", "tree.example TXT")
    (exempt,) = running.ask("tree.example A", source=EXEMPT)
    (again,) = running.ask("tree.example A")
    (told,) = running.ask("canary.sfs.example TXT")
    assert apex.stopped and again.stopped and shared.upstream
    listed = "no" if not host.stopped else "yes" if under.upstream else "with all below"
    return (
        name,
        "yes" if below.stopped else "the name alone",
        listed,
        "no",  # a page: no name may stand for it, which `shared` shows
        "no",
        "empty" if all(one.empty for one in others) else "open",
        "yes" if exempt.upstream else "no",
        "none" if apex.error is None else f"{apex.error}, with a text" if apex.told == TOLD else str(apex.error),
        "yes" if told.data == (f"serial {SERIAL}",) else "no",
    )


def table_rows() -> dict[str, tuple[str, ...]]:
    """The rows of the README, by their first cell."""
    lines = README.read_text(encoding="utf-8").partition("<!-- engines -->\n")[2].splitlines()
    rows = []
    for line in lines:
        if not line.startswith("| "):
            break
        rows.append(tuple(cell.strip() for cell in line.strip("| ").split(" | ")))
    assert rows and rows[0] == HEAD, "the table of programs is gone from README.md"
    return {row[0]: row for row in rows[2:]}


# The rows of programs that are no resolvers, which their tests compare with what they see.
OTHERS = (
    ("squid", "yes", "yes", "over HTTP", "yes", "-", "yes", "-", "no"),
    ("nftables", "no", "no", "no", "yes", "-", "yes", "-", "no"),
    ("bird", "no", "no", "no", "yes", "-", "no", "-", "no"),
    ("pac in Chromium", "yes", "yes", "no", "no", "-", "no", "-", "no"),
)


def write_table(folder: Path) -> None:
    """Ask every resolver and write the table into README.md."""
    rows = [HEAD, ("---",) * len(HEAD)]
    with programs.upstream(folder / "world") as world:
        for number, (name, begin) in enumerate(RESOLVERS.items()):
            made = folder / str(number)
            made.mkdir()
            with begin(made, world) as running:
                rows.append(resolver_row(name, running))
    table = "".join(f"| {' | '.join(row)} |\n" for row in [*rows, *OTHERS])
    before, mark, rest = README.read_text(encoding="utf-8").partition("<!-- engines -->\n")
    README.write_text(before + mark + table + re.sub(r"\A(?:\|[^\n]*\n)*", "", rest), encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        write_table(Path(work))
