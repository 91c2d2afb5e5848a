"""Whether any of some tables may speak of a host, told by one look at the parts of its name.

Nearly every host stands in none of the small tables (help lines, own entries, search engines, wrappers), yet each
request would ask all of them. Every name or pattern of a table has a part that the hosts it speaks of have as well, at
whatever place: of `www.example.co.jp`, `*.example.{}` and `example.*` it is "example"; of a name of two parts it is the
whole, which hosts below it end in. A host without any of these stands in none of the tables; one that has such a part
may stand in one, or not.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

# Parts that tell little, since half of all names have them: taken only where a name has no other.
_COMMON: Final = frozenset(
    (
        *(
            "www",
            "com",
            "net",
            "org",
            "co",
            "ne",
            "or",
            "ac",
            "go",
            "ad",
            "ed",
            "lg",
            "gr",
            "edu",
            "gov",
            "info",
            "web",
        ),
        *("m", "api", "app", "blog", "cdn", "docs", "help", "img", "login", "mail", "media", "news", "shop", "static"),
    )
)


class NamedHosts:
    """The names of some tables. Built once, then only read."""

    __slots__ = ("all_hosts", "parts")

    def __init__(self, names: Iterable[str] = ()) -> None:
        """`names`: canonical hosts, domain trees, and patterns as in patterns.py. `parts`: one of each, which is one of
        `parts_of` each host that it speaks of; `all_hosts`: a pattern fits any host."""
        self.parts = frozenset(map(telling_part, names))
        self.all_hosts = "" in self.parts

    def __or__(self, other: "NamedHosts") -> "NamedHosts":
        """The names of both."""
        both = NamedHosts()
        both.all_hosts, both.parts = self.all_hosts or other.all_hosts, self.parts | other.parts
        return both

    def may_name(self, parts: tuple[str, ...]) -> bool:
        """Whether a table may speak of a host, given as `parts_of` it."""
        return self.all_hosts or not self.parts.isdisjoint(parts)


@lru_cache(maxsize=4096)  # each request asks several tables, and a host is asked for many times
def parts_of(host: str) -> tuple[str, ...]:
    """What stands between the dots of a canonical host, and its last two parts as one."""
    parts = host.split(".")
    if len(parts) > 1:
        parts.append(f"{parts[-2]}.{parts[-1]}")
    return tuple(parts)


def telling_part(name: str) -> str:
    """The part that each host has that `name`, a host or a pattern of hosts, speaks of; "" where there is none."""
    parts = [part for part in name.split(".") if part not in ("*", "{}", "")]
    if not parts:
        return ""
    if name.endswith((".{}", ".*")):  # what follows may be anything
        return max([part for part in parts if part not in _COMMON] or parts, key=len)
    # The last is a top level domain in most names, and so a bad choice.
    telling = [part for part in parts[:-1] if part not in _COMMON] if len(parts) > 2 else []
    return max(telling, key=len) if telling else ".".join(parts[-2:])
