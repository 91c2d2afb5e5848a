"""Faults that are planted into a provider (site.py): 12 by 4, as data, and how each of them is made.

The columns are the resolvers. Three of the rows stand beside the resolvers (the stop page, Squid, the proxy), so each
of these has four faults of its own, one a column. What an engine cannot have is replaced by another fault of its row:

    encrypted listener   PowerDNS Recursor answers nothing over TLS or HTTPS itself: another port, where one that was
                         forgotten answers without the list
    type                 a zone that answers with addresses leaves no type open, and Unbound's redirect neither: the
                         address of the stop page is missing for IPv6
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sfs.export.selftest.findings import Kind
from tests.export.engines.programs import STOP4
from tests.export.selftest.site import LIST, SERIAL, TREE, WELL, AtSix, How, Ports, Site, StopPage, only_six, output
from tests.programs import free_port


@dataclass(frozen=True)
class Fault:
    """What is planted: `make` starts it in a site in the place of `name`; `kind` is what the sheet has to call it, at
    `at` ('page': the stop page)."""

    row: str
    column: str
    kind: Kind
    at: str
    make: Callable[[Site], None]


def _how(engine: str, how: How) -> Callable[[Site], None]:
    def make(site: Site) -> None:
        site.start(
            engine, site.resolvers.start(engine, replace(how, stop=how.stop if how.stop != WELL.stop else site.stop))
        )

    return make


def _edited(*pairs: tuple[str, str], **more: object) -> How:
    def edit(text: str) -> str:
        for old, new in pairs:
            assert old in text, old
            text = text.replace(old, new)
        return text

    return replace(WELL, edit=edit, **more)  # type: ignore[arg-type]


def _without_wildcards(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("*."))


def _lasting(text: str) -> str:
    assert "max-policy-ttl 60" in text
    return text.replace("max-policy-ttl 60", "max-policy-ttl 86400")


def _six(engine: str) -> Callable[[Site], None]:
    """At ::1 another one answers, without the list."""

    def make(site: Site) -> None:
        ports = site.resolvers.ports[engine]
        bare = replace(WELL, loaded=False, encrypted=False, settings=lambda text: only_six(engine, text, ports.plain))
        well = replace(WELL, stop=site.stop, six=False)
        site.stop_one(engine)
        site.start(engine, site.resolvers.start(engine, well), AtSix.of(site.resolvers.start(engine, bare)))

    return make


def _encrypted(engine: str) -> Callable[[Site], None]:
    """Over TLS and HTTPS another one answers, without the list."""

    def make(site: Site) -> None:
        ports = site.resolvers.ports[engine]
        beside = Ports(free_port(), ports.tls, ports.https)
        site.stop_one(engine)
        site.start(
            engine,
            site.resolvers.start(engine, replace(WELL, stop=site.stop, encrypted=False)),
            site.resolvers.start(engine, replace(WELL, loaded=False), beside),
        )

    return make


def _forgotten(engine: str) -> Callable[[Site], None]:
    """At another port one that was forgotten answers, without the list."""

    def make(site: Site) -> None:
        beside = Ports(site.resolvers.ports[engine].tls, 0, 0)
        site.start(
            engine,
            site.resolvers.start(engine, replace(WELL, stop=site.stop)),
            site.resolvers.start(engine, replace(WELL, loaded=False, encrypted=False), beside),
        )

    return make


def _page(**how: object) -> Callable[[Site], None]:
    def make(site: Site) -> None:
        site.start("page", StopPage(site.made("page"), site.page_port, **how))  # type: ignore[arg-type]

    return make


def _squid(change: Callable[[str], str]) -> Callable[[Site], None]:
    return lambda site: site.start_squid(change(output("squid", WELL)))


def _proxy(entries: str, **what: object) -> Callable[[Site], None]:
    return lambda site: site.start_proxy(entries, **what)


_CLOSING = f"{LIST}canary.sfs.example\n"
_UNBOUND_TTL = " 60 "
# row -> (the kind that the sheet names, or one for each column; how it is made in each column). A How is of the
# resolver of its column.
TABLE: dict[str, tuple[Kind | tuple[Kind, ...], str, tuple[How | Callable[[Site], None], ...]]] = {
    "unloaded": (Kind.NOT_LOADED, "", (replace(WELL, loaded=False),) * 4),
    "stale": (Kind.STALE, "", (replace(WELL, serial=SERIAL - 1),) * 4),
    "wildcard": (
        Kind.NO_WILDCARD,
        "",
        (
            replace(WELL, edit=_without_wildcards),
            _edited(('." redirect', '." transparent')),
            _edited(("    if trees[name]", "    if name == query:name() and trees[name]")),
            _edited(
                (
                    "trees:add(newDN(name))",
                    "hosts[name .. '.'] = true hosts['serial.' .. name .. '.'] = true",
                )
            ),
        ),
    ),
    "another listener": (Kind.BYPASS, "", tuple(_six(engine) for engine in ("bind", "unbound", "knot", "pdns"))),
    "encrypted listener": (
        (Kind.ENCRYPTED_BYPASS, Kind.ENCRYPTED_BYPASS, Kind.ENCRYPTED_BYPASS, Kind.BYPASS),
        "",
        (_encrypted("bind"), _encrypted("unbound"), _encrypted("knot"), _forgotten("pdns")),
    ),
    "wrong address": (Kind.WRONG_ANSWER, "", (replace(WELL, stop=("192.0.2.81", "2001:db8::81")),) * 4),
    "type": (
        Kind.TYPE,
        "",
        (
            replace(WELL, stop=(STOP4,)),
            replace(WELL, stop=(STOP4,)),
            _edited(
                (
                    "  local name = query:name()\n",
                    "  if query.stype == kres.type.AAAA then return nil end\n  local name = query:name()\n",
                )
            ),
            _edited(("if not listed(dq.qname)", "if dq.qtype == pdns.AAAA or not listed(dq.qname)")),
        ),
    ),
    "over-blocking": (Kind.OVERBLOCKING, "", (replace(WELL, lines=_CLOSING),) * 4),
    "ttl": (
        Kind.TTL,
        "",
        (
            _edited(("$TTL 60", "$TTL 86400"), settings=_lasting),
            _edited((_UNBOUND_TTL, " 86400 ")),
            _edited(("ttl = 60", "ttl = 86400")),
            _edited((" }, 60\n", " }, 86400\n")),
        ),
    ),
    "stop page": (
        (Kind.PAGE_DOWN, Kind.PAGE_STATUS, Kind.PAGE_STATUS, Kind.PAGE_LINK),
        "page",
        (lambda site: site.start("page"), _page(status=200), _page(status=404), _page(link=False)),
    ),
    "squid": (
        (Kind.NOT_FILTERING, Kind.NOT_FILTERING, Kind.NO_WILDCARD, Kind.OVERBLOCKING),
        "squid",
        (
            _squid(lambda text: ""),
            _squid(lambda text: f"http_access allow all\n{text}"),
            _squid(lambda text: text.replace(" -n .", " -n ")),
            _squid(lambda text: output("squid", replace(WELL, lines=_CLOSING))),
        ),
    ),
    "proxy": (
        (Kind.NOT_FILTERING, Kind.NOT_FILTERING, Kind.NO_WILDCARD, Kind.OVERBLOCKING),
        "proxy",
        (
            _proxy(LIST),
            _proxy(f"{LIST}{TREE}\n", category="malware"),
            _proxy(f"{LIST}={TREE}\n"),
            _proxy(f"{LIST}{TREE}\ncanary.sfs.example\n"),
        ),
    ),
}
COLUMNS = ("bind", "unbound", "knot", "pdns")


def faults() -> list[Fault]:
    """The 48 of the table."""
    found = []
    for row, (kinds, at, made) in TABLE.items():
        for number, column in enumerate(COLUMNS):
            kind = kinds if isinstance(kinds, Kind) else kinds[number]
            make = made[number]
            found.append(Fault(row, column, kind, at or column, _how(column, make) if isinstance(make, How) else make))
    return found
