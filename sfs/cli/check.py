"""`sfs check`: the configuration in effect, with where each value comes from; what was skipped; what needs the
certificate."""

import click

from sfs.cli.common import config_options, load
from sfs.sources.describe import describe, duration_text
from sfs.sources.filter import Filter
from sfs.sources.policies import path_entries
from sfs.sources.protection import protection
from sfs.sources.settings import HttpsMode
from sfs.sources.subscriptions import Ask, BureauSource


@click.command("check")
@config_options
@click.option("--state", metavar="DIR", help="Where certificates and the log are kept.")
def command(**config_arguments: object) -> int:
    """Check the configuration: every fault at once, or what is in effect. Exit 2 where there are faults."""
    filter_ = load(config_arguments)
    rows = describe(filter_.config)
    widths = [max(len(row[i]) for row in rows) for i in (0, 1)]
    for key, value, origin in rows:
        click.echo(f"{key.ljust(widths[0])}  {value.ljust(min(widths[1], 60))}  {origin}")
    click.echo()
    click.echo(protection(filter_).ready)
    for line in _notes(filter_):
        click.echo(line)
    for warning in (*filter_.config.warnings, *filter_.report.skipped):
        click.echo(f"warning: {warning}")
    return 0


_WHERE = {
    HttpsMode.AUTO: "they act on devices that have it",
    HttpsMode.INSPECT: "inspected",
    HttpsMode.SNI: "by name now: they do not act over HTTPS",
}


def _notes(filter_: Filter) -> list[str]:
    notes = []
    entries = path_entries(filter_.config)
    if entries:
        where = _WHERE[filter_.config.https]
        notes.append(f"{len(entries)} entries have a path and need the certificate over HTTPS ({where}):")
        notes += [f"  {item.entry.text}" for item in entries[:20]]
        if len(entries) > 20:
            notes.append(f"  and {len(entries) - 20} more")
    notes += [_bureau(source) for source in filter_.config.bureaus]
    if filter_.store is not None:
        notes += [f"labels: {filter_.store.path}"] if filter_.store.there else []
        notes += [f"labels: {filter_.store.path}: {fault}" for fault in filter_.store.faults]
    for name, file in filter_.report.lists:
        notes.append(f"list {name}: {file.count} entries, {file.skipped_count} lines skipped")
    notes += [f"list {state.name}: failed: {state.failure}" for state in filter_.report.states if state.failure]
    waiting = {state.name for state in filter_.report.states if state.failure}
    missing = [name for name in filter_.report.missing if name not in waiting]
    if missing:
        notes.append(f"{len(missing)} lists were never fetched (`sfs lists update`): {', '.join(missing)}")
    return notes


def _bureau(source: BureauSource) -> str:
    """What a bureau is asked, and how."""
    told = "is told the whole URL of a page" if source.ask is Ask.URL else "is told scheme and host of a page, no more"
    service = f", for labels of {source.service}" if source.service is not None else ""
    trust = "" if source.trust else ", may close pages but not open them"
    wait = f"waited for {source.timeout.total_seconds():g} s at most"
    return f"bureau {source.url}: {told}{service}{trust}; {wait}, answers kept for {duration_text(source.keep)}"
