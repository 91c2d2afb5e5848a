"""Whether any of some tables may speak of a host, told by one look at the parts of its name.

Nearly every host stands in none of the small tables (help lines, own entries, search engines, wrappers), yet each
request would ask all of them. Every name or pattern of a table has a part that the hosts it speaks of have as well, at
whatever place: of `www.example.co.jp`, `*.example.{}` and `example.*` it is "example". A host without any of these
parts stands in none of the tables; one that has such a part may stand in one, or not.
"""

from collections.abc import Iterable
from typing import Final

# Parts that tell little, since half of all names have them: taken only where a name has no other.
_COMMON: Final = frozenset(
    ("www", "com", "net", "org", "co", "ne", "or", "ac", "go", "ad", "ed", "lg", "gr", "edu", "gov", "info", "web", "m")
)


class NamedHosts:
    """The names of some tables. Built once, then only read."""

    __slots__ = ("_any", "_parts")

    def __init__(self, names: Iterable[str] = ()) -> None:
        """`names`: canonical hosts, domain trees, and patterns as in patterns.py."""
        parts = frozenset(map(telling_part, names))
        self._any = "" in parts  # a pattern for any host
        self._parts = parts

    def may_name(self, parts: list[str]) -> bool:
        """Whether a table may speak of a canonical host, given as what stands between its dots."""
        return self._any or not self._parts.isdisjoint(parts)


def telling_part(name: str) -> str:
    """The part that each host has that `name`, a host or a pattern of hosts, speaks of; "" where there is none."""
    parts = [part for part in name.split(".") if part not in ("*", "{}", "")]
    if not parts:
        return ""
    # The last is a top level domain in most names, and then a bad choice; it is a choice all the same.
    better = [part for part in parts[:-1] if part not in _COMMON] or parts[:-1] or parts
    if name.endswith((".{}", ".*")):
        better = [part for part in parts if part not in _COMMON] or parts
    return max(better, key=len)
