"""The formats of lists, by name. A new one: a file here, a row below, a name in `ListFormat`.

entries     as a person writes them (design, section 4)
plain       one name a line; *.name means the same
hosts       0.0.0.0 name, as in /etc/hosts
adblock     ||name^ of content blockers; what names no whole site is passed over
dnsmasq     address=/name/0.0.0.0, server=/name/
rpz         the zone of a response policy, as resolvers load it
squidguard  a folder with domains and urls
"""

from collections.abc import Callable
from typing import Final

from sfs.errors import RuleError
from sfs.lists.formats import adblock, dnsmasq, names, squidguard
from sfs.lists.formats.rpz import Zone
from sfs.lists.lines import LineFormat, Lines

# One file of a list, by the name of its format. Each call makes a new one: a zone remembers its lines above.
_FILES: Final[dict[str, Callable[[], LineFormat]]] = {
    "entries": lambda: names.ENTRIES,
    "plain": lambda: names.PLAIN,
    "hosts": lambda: names.HOSTS,
    "adblock": lambda: adblock.ADBLOCK,
    "dnsmasq": lambda: dnsmasq.DNSMASQ,
    "rpz": Zone,
    "squidguard": lambda: squidguard.DOMAINS,
}
# The files of a folder in a format, in the order in which their lines are counted; the first two hold the names.
FOLDERS: Final[dict[str, dict[str, Lines]]] = {"squidguard": squidguard.FILES}
FORMATS: Final = tuple(_FILES)


def format_named(name: str) -> LineFormat:
    """How a file in the format `name` is read. RuleError for a name that is no format."""
    make = _FILES.get(name)
    if make is None:
        raise RuleError(f"{name[:80]!r} is no format of lists", None, f"use one of {', '.join(FORMATS)}")
    return make()
