"""`sfs lists check` and `stats` of a mandatory list, sealed or not: counts, dates and faults, and no entry."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import click

from sfs.lists.list_key import read_list_key
from sfs.lists.mandatory import Report, in_force
from sfs.lists.mandatory_file import read_mandatory
from sfs.lists.sealed_file import Head, look_at, open_sealed
from sfs.sources.large import load_large


def check_mandatory(file: Path, key_file: Path | None, as_json: bool) -> bool:
    """Print what a mandatory list says of itself; False where the file is none. SfsError where it is damaged.
    `key_file`: with which a sealed one is proved."""
    if file.is_dir():
        return False
    head = look_at(file)
    if head is not None:
        proved = key_file is not None
        if key_file is not None:
            open_sealed(file, read_list_key(key_file))
        _sealed(head, proved, as_json)
        return True
    try:
        with file.open("rb") as opened:
            if not opened.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
                return False
            opened.seek(0)
            found = read_mandatory(opened, str(file))
    except OSError:
        return False  # who reads the file as another list says why it cannot be read
    kept, report = in_force(found, datetime.now(UTC).date(), load_large().__contains__)
    units = Counter(one.unit for one in found.entries)
    said: dict[str, object] = {"list": found.name, "purpose": str(found.purpose), "serial": found.serial}
    _print(said | {"entries": len(found.entries), "in force": len(kept), **dict(units.most_common())}, report, as_json)
    return True


def _sealed(head: Head, proved: bool, as_json: bool) -> None:
    said: dict[str, object] = {"list": head.name, "purpose": str(head.purpose), "serial": head.serial}
    said |= {"entries": head.entries, "sealed": "yes, and whole" if proved else "yes; --key tells whether it is whole"}
    _print(said, Report(), as_json)


def _print(said: dict[str, object], report: Report, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(said | {"notes": report.text()}, ensure_ascii=False, indent=1))
        return
    for name, value in said.items():
        click.echo(f"{name}: {value:,}" if isinstance(value, int) and name != "serial" else f"{name}: {value}")
    for line in report.text():
        click.echo(line)
