"""What a process that serves counts of its work, as rows (metrics.py says what each means and writes the page).

Never a host, a URL, a client or a user. What may leave no trace is in no row: help lines and searches for help, what a
mandatory list closes, and all that is judged by mandatory lists alone (profile isp). So there is no count of all
requests either, which would tell those by what is left."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from sfs.core.policy import Policy
from sfs.core.verdict import Verdict

if TYPE_CHECKING:
    from sfs.proxy.addon import SfsAddon
    from sfs.proxy.parts import Proxyserver
    from sfs.proxy.tunnels import Tunnel

type Of = Literal["request", "tunnel", "recheck"]  # what a verdict is on; the last one is no request of anybody


class Row(NamedTuple):
    """One figure: the family that it belongs to, the values of that family's labels, and the number."""

    family: str
    labels: tuple[str, ...]
    value: float


class Figures:
    """Of one process. Counted on its loop; `rows` may be called from another thread."""

    def __init__(self) -> None:
        self._requests: Counter[str] = Counter()
        self._verdicts: Counter[tuple[str, str]] = Counter()
        self._more: list[Callable[[], Iterable[Row]]] = []

    def judged(self, verdict: Verdict, policy: Policy, of: Of) -> None:
        """Count a verdict, where it may be counted."""
        if not verdict.record or verdict.check == "mandatory" or policy.checks is not None:
            return
        self._verdicts[verdict.check, "blocked" if verdict.blocked else "shown"] += 1
        if of != "recheck":
            self._requests[of] += 1

    def also(self, rows: Callable[[], Iterable[Row]]) -> None:
        """Have these asked for too, each time."""
        self._more.append(rows)

    def rows(self) -> Iterator[Row]:
        """All figures as they are now."""
        for kind, count in tuple(self._requests.items()):
            yield Row("requests", (kind,), count)
        for labels, count in tuple(self._verdicts.items()):
            yield Row("verdicts", labels, count)
        for more in self._more:
            yield from more()


def traffic(addon: "SfsAddon", server: "Proxyserver") -> Iterator[Row]:
    """What is open and what failed at a proxy, and what it asked for labels."""
    yield Row("connections", (), len(server.connections))
    for judged, tunnels in addon.open_tunnels().items():
        yield Row("tunnels", (judged,), sum(map(_counts, tunnels)))
    yield Row("faults", (), addon.faults.counts.total())
    filter_ = addon.live.filter
    if filter_.store is not None:
        yield Row("label_lookups", ("store",), filter_.store.asked)
        yield Row("store_faults", (), filter_.store.faults.total())
    for number, bureau in enumerate(filter_.bureaus.bureaus if filter_.bureaus is not None else (), 1):
        name, counts = str(number), Counter(bureau.counts)
        questions, lookups = counts.pop("questions", 0), counts.pop("look-ups", 0)
        yield Row("label_lookups", (f"bureau {name}",), lookups)
        yield Row("bureau_questions", (name,), questions)
        yield Row("bureau_faults", (name,), counts.total())
        yield Row("bureau_away", (name,), bureau.is_away)


def _counts(tunnel: "Tunnel") -> bool:
    return tunnel.policy.checks is None and not tunnel.filter.ruleset.help_hosts.match(tunnel.url)
