"""Lists for dnsmasq: the lines of its configuration that close names.

    address=/example.com/0.0.0.0      also ::, #, an address of a notice page, or nothing after the last slash
    server=/example.com/  local=/example.com/      never asked further: no such name
    server=/example.com/#             an exception: asked as usual

Several names may stand in one line. Spec: dnsmasq(8), --address and --server.
"""

import re
from typing import Final

from sfs.errors import RuleError, Where
from sfs.lists.lines import END, NAME, NOTHING, Lines, Said, left_out, text_of, tree_name
from sfs.match.entry import Entry
from sfs.text.address import Kind, address_class, parse_address

_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_ELSEWHERE: Final = frozenset({"ipset", "nftset", "rebind-domain-ok"})  # they name domains and close none
_RUN: Final = re.compile(
    rb"(?:(?:(?:server|local)=/" + NAME + rb"/|address=/" + NAME + rb"/(?:0\.0\.0\.0|127\.0\.0\.1|::1|::|#)?+)"
    rb"" + END + rb")++"
)


def dnsmasq_line(line: bytes, where: Where | None) -> Said:
    """What a line of dnsmasq's configuration says. RuleError for what closes no names."""
    text = _COMMENT.sub("", text_of(line, where)).strip()
    if not text:
        return NOTHING
    key, _, value = text.partition("=")
    key, (start, *names) = key.strip().lower(), value.strip().split("/")
    if key in _ELSEWHERE:
        return left_out(f"{key}: closes nothing")
    target = names.pop() if names else ""
    if key not in ("address", "server", "local") or start or not names:
        raise RuleError(f"{text[:80]!r} closes no name", where, "a line is address=/name/0.0.0.0 or server=/name/")
    if key != "address" and target not in ("", "#"):
        return left_out("names that another server is asked for")
    entries = tuple(_entry(name, where) for name in names)
    if target == "#" and key != "address":
        return Said(spared=entries)
    check_target(target, where)
    return Said(entries)


def _entry(name: str, where: Where | None) -> Entry:
    if name in ("", "#", "*"):
        raise RuleError("a line for every name there is", where, "name the sites")
    return tree_name(name, where)


def check_target(target: str, where: Where | None) -> None:
    """RuleError for what leads to a machine of the house: that is no name somebody closed."""
    if target in ("", "#"):
        return
    address = parse_address(target)
    if address is None or address_class(address) in (Kind.PRIVATE, Kind.LINK_LOCAL):
        what = f"{target[:60]!r} is not an address that leads nowhere"
        raise RuleError(what, where, "write 0.0.0.0, or nothing after the last slash")


DNSMASQ: Final = Lines(_RUN, lambda run: run.split("/")[1::2], dnsmasq_line)
