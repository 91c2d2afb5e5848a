"""`sfs`: commands and exit codes. A command is imported when it is called, so that `sfs explain` starts fast."""

import sys
from importlib import import_module

import click

from sfs import __version__
from sfs.errors import SfsError

COMMANDS = {
    "run": "Run the filtering proxy.",
    "explain": "Say what would happen to URLs, and why, without traffic.",
    "admin": "Print a link that sets the password of the page that sets the filter.",
    "policy": "Print what makes it stick: policies of managed browsers, Apple profiles, firewall lines.",
    "service": "Let the system start the filter: a systemd unit, or a container file.",
    "profile": "Take over a PICSRules profile of another filter, or write one.",
    "lists": "Fetch, look at and change the lists of names that others keep.",
    "bureau": "Rate pages, and answer which labels they have: the label bureau.",
    "words": "See what the words find in texts of yours.",
    "bench": "Measure what filtering costs on this machine.",
    "isp": "What a provider needs besides its lists: the page that says so, proof that it holds.",
    "squid": "Filter inside Squid: its helper, its lines of squid.conf, a block page.",
    "check": "Check the configuration and print what is in effect, with where each value comes from.",
    "levels": "Print what each level shows.",
    "settings": "Print every key of the configuration.",
}


class Commands(click.Group):
    """The commands by name, each in the file of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"sfs.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sfs")
def cli() -> None:
    """SFS, a filtering proxy: choose one level, 0 to 4, and point a browser at it."""


def main() -> None:
    """The entry point. Exit 2 with what is wrong, where, and how to mend it; 1 is left to what a command means."""
    try:
        code = cli(standalone_mode=False)
    except SfsError as fault:
        click.echo(str(fault), err=True)
        sys.exit(2)
    except click.ClickException as fault:
        fault.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our output went away, as `head` does; nothing is wrong and nothing more can be said.
        sys.stderr.close()
        sys.exit(0)
    sys.exit(code if isinstance(code, int) else 0)
