"""Lines for squid.conf: names by dstdomain, pages by url_regex. To be included above every line that allows.

Squid undoes one round of %XX before it looks at an expression; what stands here holds for each letter as it is and
escaped further, however often. Repeated slashes, /./ and one step of /../ are allowed for. Over HTTPS Squid sees a name
and no page. It tries expressions one after the other, so they stand in groups by host: a request meets those of its own
group, and none where its host has no page on the list.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby, permutations
from typing import Final

from sfs.export.order import Engine, Order, Sifted
from sfs.lists.mandatory import MandatoryEntry, Method
from sfs.match.entry import Unit
from sfs.text.url import DEFAULT_PORTS

MAX_EXPRESSION: Final = 7000  # bytes; Squid reads lines of 8,192
GROUP: Final = 100  # expressions that a request is held against, about
_SPECIAL: Final = frozenset(".[]{}()\\*+?^$|")
_ONE_SLASH: Final = "(/|%(25)*2[Ff])"
_DOT: Final = r"(\.|%(25)*2[Ee])"
_SLASH: Final = rf"{_ONE_SLASH}+({_DOT}{_ONE_SLASH}+|[^/?]+{_ONE_SLASH}{_DOT}{_DOT}{_ONE_SLASH}+)*"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]|%[0-9A-Fa-f]{2}")


def write(order: Order, sifted: Sifted) -> Iterator[str]:
    """The lines."""
    base = f"sfs_{order.purpose.replace('-', '_')}"
    yield order.head("#")
    for network in order.exempt:
        yield f"acl {base}_exempt src {network}"
    # -n: an address is compared as it stands, nobody is asked for its name.
    yield from (f"acl {base}_names dstdomain -n {_host(name)}" for name in sifted.hosts)
    yield from (f"acl {base}_names dstdomain -n .{name}" for name in sifted.trees)
    acls = [f"{base}_names"]
    if sifted.others:
        hosts = sorted({one.entry.host for one in sifted.others})
        yield from (f"acl {base}_page_hosts dstdomain -n {_host(host)}" for host in hosts)
        for number, group in enumerate(_groups(sifted.others)):
            name = f"{base}_group{number}"
            yield from (f"acl {name}_hosts dstdomain -n {_host(host)}" for host in dict.fromkeys(_hosts(group)))
            yield from (f"acl {name}_pages url_regex {expression(one)}" for one in group)
            yield f"acl {name} all-of {name}_hosts {name}_pages"
            yield f"acl {base}_pages any-of {name}"
        # deny_info goes by the last list that was looked at, so that is one without groups.
        acls.append(f"{base}_page_hosts {base}_pages {base}_page_hosts")
    for words in acls:
        last = words.split()[-1]
        yield f"deny_info 451:ERR_ACCESS_DENIED {last}"
        if order.purpose.confidential:
            yield f"access_log none {words}"  # who asked for a listed page is recorded nowhere
        yield f"http_access deny {f'!{base}_exempt ' if order.exempt else ''}{words}"


def _groups(others: tuple[MandatoryEntry, ...]) -> Iterator[list[MandatoryEntry]]:
    """Entries in groups, those of a host in one; they come sorted by host."""
    group: list[MandatoryEntry] = []
    for _, of_host in groupby(others, key=lambda one: one.entry.host):
        found = list(of_host)
        if group and len(group) + len(found) > GROUP:
            yield group
            group = []
        group += found
    yield group


def _hosts(group: list[MandatoryEntry]) -> Iterator[str]:
    return (one.entry.host for one in group)


def expression(one: MandatoryEntry) -> str:
    """The extended regular expression (POSIX) of a URL as Squid compares it."""
    entry = one.entry
    schemes = entry.scheme or "https?"
    host = "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in _host(entry.host))
    default = entry.port is not None and entry.port in (DEFAULT_PORTS["http"], DEFAULT_PORTS["https"])
    port = "(:[0-9]+)?" if entry.port is None else f"(:{entry.port})?" if default else f":{entry.port}"
    start = rf"^{schemes}://([^/@]*@)?{host}\.?{port}"
    form = entry.forms[-1]
    path = form.path
    if entry.unit is Unit.PREFIX:
        return rf"{start}{_path(path[:-1])}((\?|{_ONE_SLASH}).*)?$"
    if one.keys:
        return rf"{start}{_path(path)}\?{_keys(one)}"
    if entry.unit is Unit.PAGE:
        return rf"{start}{_path(path)}(\?.*)?$"
    return rf"{start}{_path(path)}" + (rf"\?{_literal(form.query)}" if form.query is not None else "") + "$"


def _host(name: str) -> str:
    return f"[{name}]" if ":" in name else name


def _path(path: str) -> str:
    return _SLASH.join(_literal(part) for part in path.split("/"))


def _keys(one: MandatoryEntry) -> str:
    """The rest of a query in which the pairs of the keys stand, in any order, among others."""
    pairs = [_literal(pair) for pair in pairs_of(one)]
    orders = ["(.*&)?" + "&(.*&)?".join(order) + "(&.*)?$" for order in permutations(pairs)]
    return orders[0] if len(orders) == 1 else f"({'|'.join(orders)})"


def pairs_of(one: MandatoryEntry) -> list[str]:
    """The pairs of the query that an entry with keys asks for, key=value."""
    pairs = (one.entry.forms[-1].query or "").split("&")
    return [pair for key in one.keys for pair in pairs if pair.partition("=")[0] == key]


def _literal(text: str) -> str:
    return "".join(_letter(letter) for letter in text)


@lru_cache(maxsize=4096)
def _letter(letter: str) -> str:
    """A letter as it is, and with escapes that are left of more than one round."""
    shown = "[[:space:]]" if letter.isspace() else f"\\{letter}" if letter in _SPECIAL else letter
    escaped = "".join(f"%(25)*{_either_case(f'{byte:02X}')}" for byte in letter.encode())
    return f"({shown}|{escaped})"


def _either_case(digits: str) -> str:
    return "".join(f"[{digit}{digit.lower()}]" if digit.isalpha() else digit for digit in digits)


def _left_out(one: MandatoryEntry, order: Order) -> str:
    entry = one.entry
    if not one.of_pages:
        return "a scheme or port with a whole name" if entry.scheme is not None or entry.port is not None else ""
    if entry.scheme == "https":
        return "a page over HTTPS: only its name is seen"
    form = entry.forms[-1]
    if any(_CONTROL.search(text) for text in (form.path, form.query or "")):
        return "a page whose address has bytes that are no text"
    if one.keys and len(pairs_of(one)) != len(one.keys):
        return "a key that stands not once in the query"
    return "an address too long for one line" if len(expression(one).encode()) > MAX_EXPRESSION else ""


def _partly(one: MandatoryEntry, order: Order) -> str:
    return "over HTTP, not over HTTPS, where only its name is seen" if one.of_pages and not one.entry.scheme else ""


ENGINE: Final = Engine("squid", Method.URL, _left_out, write, _partly, needs_stop=False)
