"""A group of commands whose files are imported when one of them is called."""

from collections.abc import Mapping
from importlib import import_module

import click


class Group(click.Group):
    """`rows`: name -> its file in sfs/cli, its function there, and what it does; listed in this order."""

    rows: Mapping[str, tuple[str, str, str]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.rows:
            return None
        module, name, _ = self.rows[cmd_name]
        found: click.Command = getattr(import_module(f"sfs.cli.{module}"), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, _, words) in self.rows.items()])


def group_of(name: str, rows: Mapping[str, tuple[str, str, str]], words: str) -> click.Command:
    """The command `sfs NAME` with these commands; `words`: what its help says."""
    made = Group(name, help=words)
    made.rows = rows
    return made
