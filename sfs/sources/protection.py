"""What protects now, in figures: for the ready line, the help page and `sfs check`."""

from dataclasses import dataclass
from typing import Literal

from sfs.core.facts import Https
from sfs.core.levels import Unrated
from sfs.core.policy import Policy
from sfs.sources.filter import Filter
from sfs.sources.https import https_mode


@dataclass(frozen=True, slots=True)
class Protection:
    """`lines`: a key of the catalogues' `protects` with its count and total; `ready`: one line for a terminal."""

    https: Literal["sni", "inspect", "auto"]
    lines: tuple[tuple[str, int, int], ...]
    ready: str


def protection(filter_: Filter, policy: Policy | None = None) -> Protection:
    """What a policy of this filter protects by; without one the default policy."""
    policy = policy or filter_.policies.default
    lists = filter_.ruleset.lists
    names = sum(len(lst.index) for lst in lists)
    own = sum(len(owner.allow) + len(owner.block) for owner in policy.owners)
    ratings = sum(len(owner.ratings) for owner in policy.owners)
    words = len(filter_.ruleset.words) + (len(policy.words) if policy.words is not None else 0)
    mode = https_mode(filter_.config)
    only_mandatory = policy.checks is not None
    lines: list[tuple[str, int, int]] = []
    if not only_mandatory:
        if words and policy.level < 4:
            lines.append(("words", words, 0))
        if lists:
            lines.append(("lists", len(lists), names))
        if own:
            lines.append(("own", own, 0))
        if ratings:
            lines.append(("ratings", ratings, 0))
        if policy.self_labels and policy.level < 4:
            lines.append(("self_labels", 0, 0))
        if policy.unrated is Unrated.BLOCK:
            lines.append(("unrated", 0, 0))
        if policy.only_allowed:
            lines.append(("only_allowed", 0, 0))
    if filter_.ruleset.mandatory:
        lines.append(("mandatory", len(filter_.ruleset.mandatory), 0))
    return Protection(mode.value, tuple(lines), _ready(policy, lines, mode))


_READY = {
    "words": "{0} words",
    "lists": "{0} lists ({1} names)",
    "own": "{0} own entries",
    "ratings": "{0} own ratings",
    "self_labels": "what pages say of themselves",
    "unrated": "unrated pages stay closed",
    "only_allowed": "only allowed sites are open",
    "mandatory": "{0} mandatory lists",
}


def _ready(policy: Policy, lines: list[tuple[str, int, int]], mode: Https) -> str:
    parts = [_READY[key].format(count, total) for key, count, total in lines]
    if not any(key in ("lists", "mandatory") for key, _, _ in lines):
        parts.append("no category lists yet")
    parts.append("HTTPS inspected" if mode is Https.INSPECT else "HTTPS by name")
    head = "mandatory lists only" if policy.checks is not None else f"level {policy.level}"
    return f"{head}: {', '.join(parts)}"
