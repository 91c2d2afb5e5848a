"""`sfs bench bureau`: what the label bureau answers on this machine, beside a server that only says hello."""

import json
import lzma
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Final
from urllib.parse import quote

import click
import psutil

from sfs.cli.bench_load import run
from sfs.cli.bench_sample import SEED, sample_names
from sfs.cli.bench_server import cores, server
from sfs.errors import SfsError
from sfs.pics.safetyonline import CATEGORY, SERVICE
from sfs.pics.stored import StoredLabel
from sfs.sources.labels import LabelStore

BATCH: Final = 256  # URLs of one query: as many as the bureau takes
SINGLES: Final = 40_000
BATCHES: Final = 400
ROUNDS: Final = 5
CHUNK: Final = 10_000  # labels of one transaction


@dataclass(frozen=True, slots=True)
class Figures:
    """Answers and URLs a second, milliseconds at half of `singles`, resident bytes of the server. `ratio`: of
    `singles` to `hello`."""

    labels: int
    build: float
    hello: float
    singles: float
    ratio: float
    batch_urls: float
    half_load: float
    p50_ms: float
    p99_ms: float
    resident: int


@click.command("bureau")
@click.option("--labels", type=click.IntRange(1000, 5_000_000), default=1_000_000, show_default=True, help="In store.")
@click.option(
    "--names", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Names to use: one a line, or .xz."
)
@click.option("--database", metavar="URL", help="A new, empty database; default: a file that is deleted again.")
@click.option("--requests", type=click.IntRange(100, 1_000_000), default=SINGLES, show_default=True, help="A measure.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def bureau(labels: int, names: Path | None, database: str | None, requests: int, as_json: bool) -> None:
    """Measure the label bureau: single queries, queries for 256 URLs, the time of an answer at half load, memory.

    Every URL is asked once. The names are made up, below .test. Server and load have a core each, where there are
    two; nothing leaves this machine."""
    known = _names(names, labels)
    with tempfile.TemporaryDirectory(prefix="sfs-bench-") as folder:
        place = database or str(Path(folder) / "labels.db")
        begin = perf_counter()
        _fill(place, known)
        figures = _measured(place, known, requests, round(perf_counter() - begin, 1))
    if as_json:
        click.echo(json.dumps(asdict(figures)))
        return
    click.echo(f"{figures.labels:,} labels, written in {figures.build:.0f} s")
    click.echo(f"single queries: {figures.singles:,.0f} a second, {figures.ratio:.2f} of a server that says hello "
               f"({figures.hello:,.0f})")  # fmt: skip
    click.echo(f"queries for {BATCH} URLs: {figures.batch_urls:,.0f} URLs a second")
    click.echo(f"at {figures.half_load:,.0f} queries a second: median {figures.p50_ms:.2f} ms, "
               f"99 % under {figures.p99_ms:.2f} ms")  # fmt: skip
    click.echo(f"memory of the server: {figures.resident / 1e6:.0f} MB")


def _names(path: Path | None, count: int) -> list[str]:
    """`count` names; below .test where they are made up."""
    if path is None:
        return [f"{name}.test" for name in sample_names(count)]
    data = path.read_bytes()
    text = (lzma.decompress(data) if path.suffix == ".xz" else data).decode("ascii")
    found = [name for line in text.splitlines() if (name := line.strip()) and not name.startswith("#")]
    if len(found) < count:
        raise SfsError(f"{path} has {len(found):,} names", mend=f"ask for fewer labels than {count:,}")
    return Random(SEED).sample(found, count)  # noqa: S311 - a sample, no secret


def _label(number: int, name: str) -> StoredLabel:
    """As a bureau has them: domains of lists, whole hosts, folders, pages."""
    kind = number % 10
    path = "" if kind < 8 else f"/{number % 97}/" if kind == 8 else f"/{number % 97}/page.html"
    return StoredLabel(
        SERVICE,
        f"http://{name}{path or '/'}",
        ((CATEGORY, float(number % 5)),),
        generic=kind < 9,
        below=kind < 6,
        on=datetime(2026, 1, 1, tzinfo=UTC),
        source="bench" if kind < 6 else None,
    )


def _fill(place: str, names: Sequence[str]) -> None:
    store = LabelStore.open(place)
    try:
        for start in range(0, len(names), CHUNK):
            chunk = enumerate(names[start : start + CHUNK], start)
            store.rate((_label(number, name) for number, name in chunk), who="bench")
            if sys.stderr.isatty():
                click.echo(f"\r{start + CHUNK:,} labels", nl=False, err=True)
    finally:
        store.close()


def _measured(place: str, names: Sequence[str], count: int, build: float) -> Figures:
    with cores() as (_, theirs):
        urls = _urls(names, 3 * count + BATCHES * BATCH)
        batches = [_batch([next(urls) for _ in range(BATCH)]) for _ in range(min(BATCHES, max(4, count // 50)))]
        bureau_serve = ["sfs", "bureau", "serve", "--listen", "127.0.0.1:0", "--database", place]
        with server(["sfs.cli.bench_hello"], theirs) as (hello, _), server(bureau_serve, theirs) as (port, pid):
            rounds = [_round(hello, port, urls, count // ROUNDS) for _ in range(ROUNDS + 1)][1:]  # the first warms up
            many = run(port, batches, connections=4)
            half = run(port, _singles(urls, count), rate=median(single for _, single in rounds) / 2)
            resident = psutil.Process(pid).memory_info().rss
    return Figures(
        labels=len(names),
        build=build,
        hello=round(median(hello for hello, _ in rounds)),
        singles=round(median(single for _, single in rounds)),
        ratio=round(median(single / hello for hello, single in rounds), 3),
        batch_urls=round(many.rate * BATCH),
        half_load=round(half.rate),
        p50_ms=round(half.part(0.5) * 1000, 2),
        p99_ms=round(half.part(0.99) * 1000, 2),
        resident=resident,
    )


def _round(hello: int, bureau: int, urls: Iterator[str], count: int) -> tuple[float, float]:
    """Answers a second of both servers, one after the other, so that a busy moment of the machine meets both."""
    return run(hello, [_get("/")] * count).rate, run(bureau, _singles(urls, count)).rate


def _urls(names: Sequence[str], count: int) -> Iterator[str]:
    """`count` different URLs: seven in ten on names that have labels, the others on names that have none."""
    random = Random(SEED + 2)  # noqa: S311 - a sample, no secret
    for number in range(count):
        name = random.choice(names)
        host = name if number % 10 < 7 else f"j{number}-{name}"
        yield f"https://{host}/{random.randrange(97)}/{number}.html"


def _quoted(url: str) -> str:
    return f"%22{quote(url, safe='')}%22"


def _get(target: str) -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\nUser-Agent: sfs-bench\r\n\r\n".encode()


def _singles(urls: Iterator[str], count: int) -> list[bytes]:
    service = _quoted(SERVICE)
    return [_get(f"/ratings?opt=normal&u={_quoted(next(urls))}&s={service}") for _ in range(count)]


def _batch(urls: Sequence[str]) -> bytes:
    body = "&".join((f"s={_quoted(SERVICE)}", *(f"u={_quoted(url)}" for url in urls)))
    fields = f"Host: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}"
    return f"POST /ratings HTTP/1.1\r\n{fields}\r\n\r\n{body}".encode()
