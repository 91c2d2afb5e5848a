"""`sfs levels`: the table of design section 2, printed from the table the filter uses."""

import click

from sfs.core.levels import LEVELS, Bypass, Level, Unrated

_WRAPPED = {
    Bypass.BLOCK: "wrappers blocked",
    Bypass.UNWRAP: "unwrapped and judged",
    Bypass.LISTS: "judged against lists only",
}


def rows() -> list[tuple[str, ...]]:
    """The table with its headings, as text."""
    head = ("level", "for", "shows", "unrated pages", "words that block", "SafeSearch", "YouTube", "wrapped pages")
    return [head, *(_row(level) for level in LEVELS)]


def _row(row: Level) -> tuple[str, ...]:
    shows = "all" if row.level == 4 else "0" if row.level == 0 else f"0-{row.level}"
    words = {3: "4", 4: "none"}.get(row.level, f"{row.level + 1} and up")
    unrated = "shown" if row.unrated is Unrated.SHOW else "blocked"
    return (str(row.level), row.ages, shows, unrated, words, row.safesearch, row.youtube, _WRAPPED[row.bypass])


@click.command("levels")
def command() -> None:
    """Print what each level shows. A page has a rating, 0 to 4; a level is the highest rating it still shows."""
    table = rows()
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
