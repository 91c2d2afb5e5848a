"""`sfs run`: the proxy."""

import asyncio
import sys

import click

from sfs.cli.common import config_options, load, print_warnings
from sfs.cli.levels import rows


@click.command("run")
@config_options
@click.option("--listen", metavar="H:P", help="Where browsers reach the proxy.  [127.0.0.1:8080]")
@click.option("--state", metavar="DIR", help="Where certificates and the log are kept.")
def command(**config_arguments: object) -> int:
    """Run the filtering proxy. Point a browser's HTTP and HTTPS proxy at its address."""
    filter_ = load(config_arguments, ask_level=ask_level)
    print_warnings(filter_)
    from sfs.proxy.run import Listening, ready_line, serve

    def ready(listening: Listening) -> None:
        click.echo(ready_line(filter_, listening))
        click.echo("     set it as the browser's proxy for HTTP and HTTPS, then open http://sfs.home.arpa/")
        sys.stdout.flush()

    asyncio.run(serve(filter_, ready))
    return 0


def ask_level() -> int | None:
    """Ask on a terminal which level to use; None where nobody sits at one."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    click.echo("Which level? It is the highest rating that is still shown.")
    for row in rows()[1:]:
        click.echo(f"  {row[0]}  {row[1]}")
    return int(click.prompt("level", type=click.IntRange(0, 4)))
