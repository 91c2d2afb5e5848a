"""What a helper keeps of verdicts: by policy and kind of request, bounded, and never longer than a minute."""

from dataclasses import dataclass, field
from typing import Final

from sfs.core.policy import Policy
from sfs.squid.answers import Answer
from sfs.squid.asked import Who
from sfs.squid.hosts import Hosts

MAX_KEPT: Final = 1 << 16  # origins, and URLs, of one policy; twice as many while the older half is still asked
type Found = str | Answer | bool  # the whole answer | one that gets a code | judge each URL (True: unless it is silent)


class Kept:
    """A bounded memory: what was not asked for while `MAX_KEPT` others came is forgotten."""

    __slots__ = ("new", "old")

    def __init__(self) -> None:
        self.new: dict[str, Found] = {}
        self.old: dict[str, Found] = {}

    def get(self, key: str) -> Found | None:
        """What is kept under `key`; None for nothing."""
        found = self.new.get(key)
        if found is None and (found := self.old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: str, value: Found) -> None:
        """Keep `value`."""
        if len(self.new) >= MAX_KEPT:
            self.old, self.new = self.new, {}
        self.new[key] = value


@dataclass(slots=True)
class Memory:
    """What is kept of one policy and one kind of request, until a moment of the steady clock."""

    policy: Policy
    hosts: Hosts
    until: float
    origins: Kept = field(default_factory=Kept)
    urls: Kept = field(default_factory=Kept)


@dataclass(slots=True)
class Lane:
    """Who asks, and the memory of his policy."""

    who: Who
    memory: Memory
    plain: bool  # a URL seen whole: neither CONNECT nor a question of another kind
