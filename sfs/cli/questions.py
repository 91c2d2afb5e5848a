"""What `sfs run` asks who sits at a terminal, in their language, before it starts for the first time."""

import sys
from urllib.parse import urlsplit

import click

from sfs.cli.greeting import language_here
from sfs.core.levels import LEVELS
from sfs.lists import store
from sfs.sources.choice import levels_in_use, lists_in_use
from sfs.sources.filter import Filter
from sfs.sources.public_lists import catalogue
from sfs.sources.settings import PageLanguage
from sfs.web.texts import texts_for


def ask_level() -> int | None:
    """Ask which level to use; None where nobody sits at a terminal."""
    if not _somebody():
        return None
    texts = texts_for(language_here(PageLanguage.AUTO))
    click.echo(texts.text("start.which_level"))
    for row in LEVELS:
        click.echo(f"  {row.level}  {texts.text(f'level.{row.level}')}")
    return int(click.prompt(texts.text("start.level"), type=click.IntRange(0, 4)))


def offer_first_update(filter_: Filter) -> bool:
    """Ask whether to fetch the default choice of lists; whether the answer was yes. False where nobody sits at a
    terminal, where somebody said yes before, or where there is nothing to fetch."""
    config = filter_.config
    if not _somebody() or store.asked(config.state):
        return False
    rows = [
        catalogue()[source.name] for source in lists_in_use(config, levels_in_use(filter_.policies)) if source.default
    ]
    if not rows:
        return False
    texts = texts_for(language_here(config.language))
    hosts = sorted({urlsplit(row.url).hostname or "" for row in rows})
    click.echo(texts.text("start.no_lists", count=len(rows)))
    click.echo(f"  {texts.text('start.from', count=f'{sum(row.size for row in rows):,}', hosts=', '.join(hosts))}")
    if click.confirm(texts.text("start.fetch"), default=True):
        return True
    click.echo(texts.text("start.later"))
    return False


def _somebody() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
