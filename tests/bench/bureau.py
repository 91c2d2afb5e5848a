"""The look-ups of a day in 2002 through the proxy's client, all real: `sfs bureau serve`, HTTP on loopback.

    python tests/bench/bureau.py [--views 50000] [--sites 3000] [--json]

Three runs: caches off, every view another site; then a day of views whose sites are drawn by Zipf's law (the site of
rank n gets 1/n of the views of the first), each with forty pages drawn likewise, asked by host and by URL.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from time import perf_counter, process_time

sys.path.insert(0, str(Path(__file__).parents[2]))

from sfs.cli.bench_sample import sample_names
from sfs.core.facts import Facts
from sfs.core.policy import policy_of_level
from sfs.core.ruleset import Ruleset
from sfs.pics.safetyonline import SERVICE
from sfs.pics.stored import StoredLabel
from sfs.sources.bureau_cache import Cache
from sfs.sources.bureaus import Bureaus
from sfs.sources.subscriptions import Ask, BureauSource
from sfs.text.url import parse_url
from tests.e2e.bureau import Bureau

READERS = 64  # views that are waited for at a time
PAGES = 40  # of a site
RULES, POLICY = Ruleset(), policy_of_level(2)


@dataclass(frozen=True)
class Figures:
    """`seconds` for all views, `cpu` seconds of this process; `questions`: requests that the bureau got; `look_ups`:
    URLs in them; `share`: of the views, how many led to one. `away`: views that the bureau did not answer in time."""

    run: str
    views: int
    seconds: float
    cpu: float
    per_second: int
    questions: int
    look_ups: int
    share: float
    labels: int
    away: int


def day(views: int, sites: Sequence[str], seed: int = 2002) -> list[str]:
    """URLs of the views of a day, by Zipf's law."""
    chance = random.Random(seed)
    weights = list(accumulate(1 / rank for rank in range(1, len(sites) + 1)))
    pages = list(accumulate(1 / rank for rank in range(1, PAGES + 1)))
    chosen = zip(
        chance.choices(sites, cum_weights=weights, k=views),
        chance.choices(range(PAGES), cum_weights=pages, k=views),
        strict=True,
    )
    return [f"http://{site}/page{number}.html" for site, number in chosen]


def labels(sites: Iterable[str]) -> Iterable[StoredLabel]:
    """Every fifth site is rated, every fiftieth has a page of its own rating."""
    for number, site in enumerate(sites):
        if number % 5 == 0:
            yield StoredLabel(SERVICE, f"http://{site}/", (("lv", float(number % 4)),), generic=True)
        if number % 50 == 0:
            yield StoredLabel(SERVICE, f"http://{site}/page3.html", (("lv", 4.0),))


def run(name: str, source: BureauSource, urls: Sequence[str], *, caches: bool, readers: int) -> Figures:
    """All views, so many `readers` at a time, each waiting for its own answer."""
    bureaus = Bureaus([source])
    (client,) = bureaus.bureaus
    if not caches:
        client._cache = Cache(0)
    found = away = 0

    async def reader(mine: Iterable[str]) -> None:
        nonlocal found, away
        for text in mine:
            facts = Facts(parse_url(text), time=datetime.now(UTC))
            told = bureaus.ask(facts.url, facts, POLICY, RULES)
            if told.waits and not caches:
                answers = await asyncio.wrap_future(
                    asyncio.run_coroutine_threadsafe(look(told.missing), bureaus._running())
                )
                found += sum(answer is not None and bool(answer.labels) for answer in answers)
                away += sum(answer is None for answer in answers)
                continue
            if told.waits:
                await asyncio.wrap_future(bureaus.fetch(told.missing))
                told = bureaus.ask(facts.url, facts, POLICY, RULES)
            found += bool(told.answer.labels)
            away += told.answer.away

    async def look(missing):  # without a cache the answer is in the look-up itself
        flights = [bureau._flight(question) for bureau, questions in missing for question in questions]
        await asyncio.wait(flights, timeout=bureaus.timeout)
        return [flight.result() if flight.done() else None for flight in flights]

    async def everybody() -> None:
        mine = iter(urls)
        await asyncio.gather(*(reader(mine) for _ in range(readers)))

    begin, used = perf_counter(), process_time()
    asyncio.run(everybody())
    seconds, cpu = perf_counter() - begin, process_time() - used
    counts = dict(client.counts)
    bureaus.close()
    look_ups = counts.get("look-ups", 0)
    return Figures(
        *(name, len(urls), round(seconds, 2), round(cpu, 2), int(len(urls) / seconds)),
        *(counts.get("questions", 0), look_ups, round(look_ups / len(urls), 4), found, away),
    )


def measured(views: int, sites: int, readers: int = READERS) -> list[Figures]:
    """All four runs."""
    names = sample_names(max(views, sites))
    with tempfile.TemporaryDirectory(prefix="sfs-bench-") as folder, Bureau(Path(folder)) as bureau:
        bureau.store.rate(labels(names), who="bench")
        source = BureauSource(bureau.url, SERVICE, ask=Ask.URL, timeout=timedelta(seconds=5))
        by_host = BureauSource(bureau.url, SERVICE, ask=Ask.HOST, timeout=timedelta(seconds=5))
        some = day(views, names[:sites])
        return [
            run(
                "caches off, by host",
                by_host,
                [f"http://{name}/page.html" for name in names[:views]],
                caches=False,
                readers=readers,
            ),
            run(
                "caches off, by URL",
                source,
                [f"http://{name}/page.html" for name in names[:views]],
                caches=False,
                readers=readers,
            ),
            run("a day by Zipf, by host", by_host, some, caches=True, readers=readers),
            run("a day by Zipf, by URL", source, some, caches=True, readers=readers),
        ]


def main() -> None:
    """The figures, as text or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--views", type=int, default=50_000)
    parser.add_argument("--sites", type=int, default=3_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    for figures in measured(given.views, given.sites):
        if given.json:
            print(json.dumps(asdict(figures)))
            continue
        print(
            f"{figures.run}: {figures.views:,} views in {figures.seconds:.1f} s "
            f"({figures.cpu:.1f} s of CPU, {figures.per_second:,}/s); the bureau "
            f"got {figures.questions:,} questions about {figures.look_ups:,} URLs ({figures.share:.1%} of the views); "
            f"{figures.labels:,} labels, {figures.away} away"
        )


if __name__ == "__main__":
    main()
