"""`sfs isp page`: the page where resolvers send readers of listed names, as files for a web server."""

import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click

from sfs.errors import SfsError, Where
from sfs.export.stop_site import HEAD, outdated, site
from sfs.lists.mandatory import Purpose
from sfs.lists.private import write_atomically
from sfs.sources.config import load_config
from sfs.sources.helplines import helplines_from
from sfs.sources.places import rules_dir
from sfs.sources.values import listen_of, scalar
from sfs.sources.yaml_nodes import load_plain
from sfs.web.helplines import OLD_AFTER_DAYS

_SAMPLE: Final = """
stop_page:
  name: {ja: 見本ネット, en: Example Net}
  about: https://net.example/blocking
  contact: [https://net.example/contact]"""


@click.command("page")
@click.option("-o", "out", type=click.Path(file_okay=False, path_type=Path), required=True, help="The folder for it.")
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="With stop_page.")
@click.option("--purpose", type=click.Choice([str(one) for one in Purpose]), help="Of the list. Default: stop_page's.")
@click.option("--listen", multiple=True, metavar="H:P", help="Where the web server answers.  [0.0.0.0:80 and [::]:80]")
def page(out: Path, config: Path | None, purpose: str | None, listen: tuple[str, ...]) -> None:
    """Write the stop page in Japanese and English, and the configuration of an nginx and of a HAProxy that answer every
    request with it: status 451, no log, no cookie, nothing loaded. What it says of you stands in `stop_page`."""
    stop = load_config(config).stop_page
    if stop is None:
        where = Where(str(config)) if config else None
        raise SfsError("nobody says who blocks, and whom to ask", where, f"write into a configuration:{_SAMPLE}")
    places = [listen_of(scalar(text, Where("--listen"))) for text in listen or ("0.0.0.0:80", "[::]:80")]
    lines = helplines_from(load_plain(rules_dir() / "helplines.yaml"))
    today = datetime.now(UTC).date()
    if purpose is not None:
        stop = replace(stop, purpose=Purpose(purpose))
    files = site(stop, lines, places, today)
    _check_ours(out, files)
    # The one by which the folder is known as ours is the first.
    for name, data in sorted(files.items(), key=lambda one: one[0] != "nginx.conf"):
        _put(out, name, data)
    click.echo(f"{out}: ja.html, en.html, nginx.conf, haproxy.cfg")
    count, unchecked, old = outdated(stop, lines, today)
    if unchecked or old:
        what = f"of {count} help lines {unchecked} were never checked, and {old} not for {OLD_AFTER_DAYS} days"
        mend = "the page says so of each; look them up, and write the date as `checked` in rules/helplines.yaml"
        click.echo(f"warning: {SfsError(what, mend=mend)}", err=True)


def _check_ours(folder: Path, names: Iterable[str]) -> None:
    """SfsError where a file would be replaced that is somebody else's: /etc/nginx has an nginx.conf, too."""
    there = [folder / name for name in names if (folder / name).exists()]
    try:
        ours = not there or (folder / "nginx.conf").read_bytes().startswith(HEAD.encode())
    except OSError:
        ours = False
    if not ours:
        raise SfsError("a file that `sfs isp page` did not write", Where(str(there[-1])), "name a folder of its own")


def _put(folder: Path, name: str, data: bytes) -> None:
    """A file that the web server's user may read."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / name, data)
        os.chmod(folder / name, 0o644)
    except OSError as fault:
        what = f"cannot be written: {fault.strerror}"
        raise SfsError(what, Where(str(folder / name)), "check the folder and the free space") from None
