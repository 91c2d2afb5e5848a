"""Lists for Unbound: the lines of its configuration that answer names by themselves.

    local-zone: "example.com" always_nxdomain     the name and all below it; also static, refuse, deny, redirect, ...
    local-zone: "example.com" always_transparent  an exception: asked as usual; also transparent, typetransparent
    local-data: "example.com. 60 IN A 0.0.0.0"    this name alone

Other settings of Unbound are counted. Spec: unbound.conf(5), "Local zone options".
"""

import re
from typing import Final

from sfs.errors import RuleError, Where
from sfs.lists.formats.dnsmasq import check_target
from sfs.lists.lines import END, NAME, NOTHING, Lines, Said, left_out, text_of, tree_name
from sfs.match.entry import Entry, parse_entry

_CLOSED: Final = frozenset(
    (
        *("always_nxdomain", "always_nodata", "always_refuse", "always_null", "always_deny"),
        *("static", "refuse", "deny", "redirect", "inform_deny", "inform_redirect", "block_a"),
    )
)
_OPEN: Final = frozenset({"always_transparent", "transparent", "typetransparent"})
_NOT_HERE: Final = frozenset({"inform", "nodefault", "noview", "ipset"})
_SECTIONS: Final = re.compile(r"(?:server|view|remote-control|forward-zone|stub-zone|auth-zone|rpz|python):")
_SETTING: Final = re.compile(r"([a-z0-9-]+):(?:\s+(.*))?", re.IGNORECASE)
_ZONE: Final = re.compile(r"\"?([^\s\"]+)\"?\s+\"?([a-z_]+)\"?", re.IGNORECASE)
_DATA: Final = re.compile(r"(\S+)\s+(?:[0-9]+\s+)?(?:IN\s+)?(?:[0-9]+\s+)?([A-Z]+)\s+(\S.*)", re.IGNORECASE)
_QUOTED: Final = re.compile(r"(['\"])(.*)\1")
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_TYPES: Final = b"always_nxdomain|always_null|always_refuse|always_deny|static|refuse|deny|redirect"
_RUN: Final = re.compile(
    rb"(?:[ \t]*+local-zone:[ \t]++\"?+" + NAME + rb"\.?+\"?+[ \t]++(?:" + _TYPES + rb")" + END + rb")++"
)
_NAMES: Final = re.compile(r"local-zone:[ \t]+\"?([a-z0-9._-]+?)\.?\"?[ \t]")


def unbound_line(line: bytes, where: Where | None) -> Said:
    """What a line of Unbound's configuration says. RuleError for what is no line of it."""
    text = _COMMENT.sub("", text_of(line, where)).strip()
    if not text or _SECTIONS.fullmatch(text.lower()):
        return NOTHING
    setting = _SETTING.fullmatch(text)
    if setting is None:
        mend = 'a line is local-zone: "name" always_nxdomain'
        raise RuleError(f"{text[:80]!r} is no line of Unbound's configuration", where, mend)
    key, value = setting[1].lower(), setting[2] or ""
    if key == "local-zone":
        return _zone(value, where)
    if key == "local-data":
        return _data(value, where)
    return left_out("include of another file" if key == "include" else "another setting of Unbound")


def _zone(value: str, where: Where | None) -> Said:
    zone = _ZONE.fullmatch(value)
    kind = "" if zone is None else zone[2].lower()
    if zone is None or kind not in _CLOSED | _OPEN | _NOT_HERE:
        mend = f"write {', '.join(sorted(_CLOSED)[:4])} or another type of unbound.conf(5)"
        raise RuleError(f"{value[:80]!r} is no zone with a type", where, mend)
    if kind in _NOT_HERE:
        return left_out(f"local-zone of type {kind}: closes nothing")
    if zone[1] == ".":
        raise RuleError("a zone for every name there is", where, "name the sites")
    if zone[1].lower().endswith((".in-addr.arpa", ".in-addr.arpa.", ".ip6.arpa", ".ip6.arpa.")):
        return left_out("names of addresses")
    entry = tree_name(zone[1], where)
    return Said(spared=(entry,)) if kind in _OPEN else Said((entry,))


def _data(value: str, where: Where | None) -> Said:
    quoted = _QUOTED.fullmatch(value)
    data = _DATA.fullmatch(quoted[2].strip() if quoted else value)
    if data is None:
        raise RuleError(f"{value[:80]!r} is no record", where, 'a line is local-data: "name A 0.0.0.0"')
    kind = data[2].upper()
    if kind not in ("A", "AAAA", "CNAME"):
        return left_out(f"local-data of type {kind if kind in ('TXT', 'PTR', 'MX', 'SRV', 'NS', 'SOA') else 'other'}")
    if kind != "CNAME":
        check_target(data[3], where)
    return Said((_host(data[1], where),))


def _host(name: str, where: Where | None) -> Entry:
    entry = parse_entry(f"={name}", where)
    if entry is None or entry.forms or entry.port is not None or entry.scheme is not None:
        raise RuleError(f"{name[:80]!r} is no name", where, 'a line is local-data: "name A 0.0.0.0"')
    return entry


UNBOUND: Final = Lines(_RUN, _NAMES.findall, unbound_line)
