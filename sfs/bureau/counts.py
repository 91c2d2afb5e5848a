"""What the bureau counts, and how it tells it: the text format of Prometheus. Counts alone, never a URL or a client.

Plain integers, since each question adds to several of them; prometheus-client sees them when it is asked.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from sfs.bureau.answer import Answer

TYPE: Final = CONTENT_TYPE_LATEST
BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds


class Counts:
    """`connections`, `faults`: functions that tell how many there are, and how often reading the store failed."""

    def __init__(self, connections: Callable[[], int], faults: Callable[[], int]) -> None:
        self._connections = connections
        self._faults = faults
        self._requests: Counter[tuple[str, int]] = Counter()
        self._entries: Counter[str] = Counter()
        self._urls = 0
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def request(self, kind: str, status: int, seconds: float) -> None:
        """One request was answered. `kind`: ratings, page or api."""
        self._requests[kind, status] += 1
        if kind == "ratings":
            self._buckets[bisect_left(BOUNDS, seconds)] += 1
            self._seconds += seconds

    def answer(self, answer: Answer, urls: int) -> None:
        """What a label list said of `urls` URLs."""
        self._urls += urls
        self._entries["labeled"] += answer.found
        self._entries["not-labeled"] += answer.entries - answer.found
        self._entries["no-ratings"] += answer.unknown
        self._entries["service-unavailable"] += answer.away

    def text(self) -> bytes:
        """All counts in the text format of Prometheus."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """For prometheus-client."""
        requests = CounterMetricFamily("sfs_bureau_requests", "Requests answered", labels=("kind", "status"))
        for (kind, status), count in sorted(self._requests.items()):
            requests.add_metric((kind, str(status)), count)
        yield requests
        yield CounterMetricFamily("sfs_bureau_urls", "URLs asked for in PICS queries", value=self._urls)
        entries = CounterMetricFamily("sfs_bureau_entries", "What PICS answers said", labels=("said",))
        for said, count in sorted(self._entries.items()):
            entries.add_metric((said,), count)
        yield entries
        yield self._histogram()
        yield CounterMetricFamily("sfs_bureau_store_faults", "Readings of the store that failed", value=self._faults())
        yield GaugeMetricFamily("sfs_bureau_connections", "Connections that are open", value=self._connections())

    def _histogram(self) -> Metric:
        buckets: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self._buckets, strict=True):
            total += count
            buckets.append((bound, total))
        histogram = HistogramMetricFamily("sfs_bureau_query_seconds", "Time of a PICS query")
        histogram.add_metric((), buckets, self._seconds)
        return histogram
