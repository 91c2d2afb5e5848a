"""`sfs bureau`: the label bureau. Each of its commands is imported when it is called."""

from importlib import import_module

import click

# Name -> the file in sfs/cli and its function, and what it does.
COMMANDS = {
    "serve": ("bureau_serve", "serve", "Answer which labels URLs have, in PICS and in JSON."),
    "rate": ("bureau_rate", "rate", "Rate a page, or all that begins with a URL; or take a rating back."),
    "query": ("bureau_rate", "query", "Say which labels URLs have."),
    "history": ("bureau_rate", "history", "Print all that was ever said of a URL."),
    "import": ("bureau_import", "import_files", "Take labels out of lists, tables and PICS label files."),
    "export": ("bureau_import", "export", "Write the labels as a table or as PICS label lists."),
    "label": ("bureau_import", "label", "Print the label for a page of your own."),
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
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, _, words) in COMMANDS.items()])


@click.group("bureau", cls=Commands)
def command() -> None:
    """The label bureau: labels of pages, kept, changed and served."""
