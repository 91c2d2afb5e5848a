"""`sfs isp`: what a provider needs besides its lists. Each of its commands is imported when it is called."""

from importlib import import_module

import click

# Name -> the file in sfs/cli and its function, and what it does.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "page": ("isp_page", "page", "Write the page that readers of listed names see, for a web server."),
    "quiet": ("isp_quiet", "quiet", "Print lines with which a resolver keeps nothing of who asked for what."),
    "selftest": ("isp_selftest", "selftest", "Ask everybody who enforces lists whether they hold; a signed sheet."),
    "divert": ("isp_divert", "divert", "Lead plain HTTP to listed pages' sites to a second stage, within limits."),
    "key": ("isp_key", "key", "Make a key for sealed lists."),
}


class Commands(click.Group):
    """The commands by name, in the order of COMMANDS."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        found: click.Command = getattr(import_module(f"sfs.cli.{module}"), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if rows := [(name, words) for name, (_, _, words) in COMMANDS.items()]:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


@click.group("isp", cls=Commands)
def command() -> None:
    """For providers that must block what a list names: the page that says so, and proof that it holds."""
