"""The formats of lists, by name. A new one: a file here, a row below, a name in `ListFormat`.

entries     as a person writes them (design, section 4)
plain       one name a line; *.name means the same
hosts       0.0.0.0 name, as in /etc/hosts
adblock     ||name^ and ||name/path of content blockers
dnsmasq     address=/name/0.0.0.0, server=/name/
unbound     local-zone: "name" always_nxdomain
rpz         the zone of a response policy, as resolvers load it
squidguard  a folder with domains and urls
e2guardian  lists of sites, addresses and URLs, with .Include<file>
v2fly       full:name, domain:name, include:file, with attributes
csv         a table with a column url, host or domain
adguard     AdGuardHome.yaml: the rules of its user
pihole      what Pi-hole exports: gravity.db, JSON, CSV, Teleporter

Lists of words are imported as words, and are no lists of names:

phrases     <phrase><50> of e2guardian
searches    a+b, the search terms of e2guardian
expressions regular expressions, a line each: counted alone
"""

from collections.abc import Callable
from typing import Final

from sfs.errors import RuleError
from sfs.lists.formats import (
    adblock,
    adguard,
    comma,
    dnsmasq,
    e2guardian,
    expressions,
    names,
    pihole,
    squidguard,
    unbound,
    v2fly,
)
from sfs.lists.formats.rpz import Zone
from sfs.lists.lines import LineFormat, Lines

# One file of a list, by the name of its format. Each call makes a new one: a zone remembers its lines above.
_FILES: Final[dict[str, Callable[[], LineFormat]]] = {
    "entries": lambda: names.ENTRIES,
    "plain": lambda: names.PLAIN,
    "hosts": lambda: names.HOSTS,
    "adblock": lambda: adblock.ADBLOCK,
    "dnsmasq": lambda: dnsmasq.DNSMASQ,
    "unbound": lambda: unbound.UNBOUND,
    "rpz": Zone,
    "squidguard": lambda: squidguard.DOMAINS,
    "e2guardian": lambda: e2guardian.SITES,
    "v2fly": v2fly.V2fly,
    "csv": comma.Table,
    "adguard": adguard.Settings,
    "pihole": lambda: pihole.PIHOLE,
}
_WORDS: Final[dict[str, Callable[[], LineFormat]]] = {
    "phrases": e2guardian.Phrases,
    "searches": lambda: e2guardian.SEARCHES,
    "expressions": lambda: Lines(None, str.split, expressions.expression_line),
}
# Formats of which a part can be asked for: rows of a category, lines with an attribute.
_ONLY: Final[dict[str, Callable[[tuple[str, ...]], LineFormat]]] = {"csv": comma.Table, "v2fly": v2fly.with_attributes}
# The files of a folder in a format, in the order in which their lines are counted.
FOLDERS: Final[dict[str, dict[str, Lines]]] = {
    "squidguard": squidguard.FILES,
    "pihole": dict.fromkeys(pihole.FILES, pihole.PIHOLE),
}
FORMATS: Final = tuple(_FILES)
WORD_FORMATS: Final = tuple(_WORDS)
INCLUDING: Final = frozenset({"e2guardian", "v2fly", "phrases", "searches"})  # whose lines name other files


def format_named(name: str, only: tuple[str, ...] = ()) -> LineFormat:
    """How a file in the format `name` is read. `only`: the part of it that is taken. RuleError for a name that is no
    format, and for a part of one that has none."""
    make = _FILES.get(name) or _WORDS.get(name)
    if make is None:
        raise RuleError(f"{name[:80]!r} is no format of lists", None, f"use one of {', '.join(FORMATS)}")
    if not only:
        return make()
    if name not in _ONLY:
        raise RuleError(f"a list in the format {name} has no parts", None, f"say --only for {' or '.join(_ONLY)}")
    return _ONLY[name](only)
