"""`sfs lists export --format bind|unbound|knot|pdns --zone-file`: how a resolver loads an RPZ."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from sfs.cli.confidential import check_output
from sfs.errors import SfsError
from sfs.export import outputs
from sfs.export.resolving import RESOLVERS, Loading, exempt_zone
from sfs.export.transfer import parse_peer, read_key
from sfs.lists.mandatory import Purpose
from sfs.text.address import Network


@dataclass(frozen=True, slots=True)
class Source:
    """Where the zone comes from, as the options say it: a file, or a primary and the file of its key."""

    file: Path | None
    primary: str | None
    key_file: Path | None

    def __bool__(self) -> bool:
        return self.file is not None or self.primary is not None


def write_loading(
    resolver: str,
    purpose: Purpose,
    zone: str,
    source: Source,
    exempt: tuple[Network, ...],
    told: str,
    out: Path | None,
) -> None:
    """Write the lines to `out`, or print them; no name of the list is in them, and the key is where one is needed."""
    if resolver not in RESOLVERS:
        raise SfsError(f"{resolver} loads no zone", mend=f"take one of {', '.join(RESOLVERS)}")
    if (source.file is None) == (source.primary is None) or (source.primary is None) != (source.key_file is None):
        raise SfsError("where does the zone come from?", mend="say --zone-file, or --primary and --key-file")
    if source.file is not None:
        check_output(purpose, source.file)
    key = None if source.key_file is None else read_key(source.key_file, f"{zone}-key")
    beside = None if out is None else out.with_name(f"{out.name}.exempt")
    loading = Loading(purpose, zone, source.file or parse_peer(source.primary or ""), key, exempt, beside, told)
    text = _text(RESOLVERS[resolver](loading))
    if out is None:
        click.echo(text, nl=False)
        return
    if resolver == "unbound" and exempt and beside is not None:
        outputs.put(beside, _text(exempt_zone(loading)))
    outputs.put(out, text)
    click.echo(f"{out}: {resolver} loads {zone} so", err=True)


def _text(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
