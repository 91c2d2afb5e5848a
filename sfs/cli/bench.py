"""`sfs bench`: what filtering costs on this machine."""

import gc
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, perf_counter_ns

import click

from sfs.cli.bench_proxy import measure
from sfs.cli.bench_sample import Asked, sample_names, sample_urls
from sfs.cli.common import config_options, load
from sfs.core.facts import Facts, Https
from sfs.core.ruleset import CategoryList
from sfs.lists.compile import LINES, NAMES, compile_list
from sfs.lists.compiled import open_compiled
from sfs.sources.filter import Filter
from sfs.text.url import parse_url

ROUNDS = 5  # through all URLs; the first warms up and does not count


@dataclass(frozen=True, slots=True)
class Figures:
    """`build` in seconds, `bytes_per_name` on disk; times of one verdict in microseconds, over all URLs, of each the
    best of the rounds: what else the machine does is not the filter's cost."""

    names: int
    words: int
    build: float
    bytes_per_name: float
    urls: int
    blocked: int
    p50: float
    p99: float
    mean: float


class Benches(click.Group):
    """`sfs bench` itself, and the measures of other parts, each in a file that is imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return ["bureau"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "bureau":
            return None
        found: click.Command = import_module("sfs.cli.bench_bureau").bureau
        return found


@click.group("bench", cls=Benches, invoke_without_command=True)
@click.pass_context
@config_options
@click.option("--names", type=click.IntRange(1, 5_000_000), default=1_000_000, show_default=True, help="In the list.")
@click.option("--urls", type=click.IntRange(100, 1_000_000), default=10_000, show_default=True, help="That are judged.")
@click.option(
    "--seconds",
    type=click.FloatRange(0, 60),
    default=1.0,
    show_default=True,
    help="Of each measure through the proxy, of which there are 24; 0: none of them.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def command(
    ctx: click.Context, names: int, urls: int, seconds: float, as_json: bool, **config_arguments: object
) -> None:
    """Measure what filtering costs here: a verdict (parsing the URL, a list of a million names, search words and
    words), and the proxy beside mitmproxy without a filter.

    Names, URLs and pages are made up, and nothing leaves this machine. Level 2 where none is chosen."""
    if ctx.invoked_subcommand is not None:
        return
    if all(config_arguments.get(key) is None for key in ("level", "config")):
        config_arguments["level"] = 2
    filter_ = load(config_arguments)
    if sys.stderr.isatty():
        click.echo(f"making a list of {names:,} names ...", err=True)
    listed = sample_names(names)
    asked = sample_urls(urls, listed)
    with tempfile.TemporaryDirectory(prefix="sfs-bench-") as folder:
        figures = _measured(filter_, listed, asked, Path(folder))
    options = {key: value for key, value in config_arguments.items() if value is not None}
    cost = measure(options, seconds) if seconds else None
    if as_json:
        click.echo(json.dumps(asdict(figures) | (asdict(cost) if cost else {})))
        return
    click.echo(f"a list of {figures.names:,} names: built in {figures.build:.1f} s, "
               f"{figures.bytes_per_name:.1f} bytes a name on disk")  # fmt: skip
    click.echo(f"{figures.urls:,} mixed URLs, {figures.words:,} words, level {filter_.policies.default.level}: "
               f"{figures.blocked:,} blocked")  # fmt: skip
    click.echo(f"one verdict: median {figures.p50:.1f} us, 99 % under {figures.p99:.1f} us, "
               f"mean {figures.mean:.1f} us")  # fmt: skip
    for line in cost.lines() if cost else ():
        click.echo(line)


def _measured(filter_: Filter, listed: Sequence[str], asked: Sequence[Asked], folder: Path) -> Figures:
    source = folder / "names.txt"
    source.write_text("\n".join(sorted(listed)) + "\n", encoding="ascii")  # as public lists are
    begin = perf_counter()
    compiled = compile_list(source, "plain", folder / "compiled")
    build = perf_counter() - begin
    size = sum((folder / "compiled" / name).stat().st_size for name in (NAMES, LINES))
    sample = CategoryList("sample", open_compiled(folder / "compiled").index, category="games", rating=4)
    filter_ = replace(filter_, ruleset=replace(filter_.ruleset, lists=(*filter_.ruleset.lists, sample)))
    gc.collect()
    gc.freeze()
    rounds, blocked = [], 0
    for _ in range(ROUNDS):
        spent, blocked = _round(filter_, asked)
        rounds.append(spent)
    times = [min(of) for of in zip(*rounds[1:], strict=True)]
    cuts = quantiles(times, n=100)
    return Figures(
        names=compiled.size,
        words=len(filter_.ruleset.words),
        build=round(build, 2),
        bytes_per_name=round(size / compiled.size, 2),
        urls=len(asked),
        blocked=blocked,
        p50=round(median(times), 2),
        p99=round(cuts[98], 2),
        mean=round(sum(times) / len(times), 2),
    )


def _round(filter_: Filter, asked: Sequence[Asked]) -> tuple[list[float], int]:
    """The microseconds of each verdict, from the text of the URL on, and how many of them block."""
    spent: list[float] = []
    blocked = 0
    now = datetime.now().astimezone()
    for one in asked:
        begin = perf_counter_ns()
        policy = filter_.policies.policy_for("127.0.0.1", None, None, now)
        url = parse_url(one.url)
        known = filter_.labels_of(url, policy)
        facts = Facts(url, Https.INSPECT, one.kind, "GET", None, "", "127.0.0.1", None, now, known, None, True)
        verdict, _ = filter_.judge(facts, policy)
        spent.append((perf_counter_ns() - begin) / 1000)
        blocked += getattr(verdict, "blocked", False)
    return spent, blocked
