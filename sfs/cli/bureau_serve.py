"""`sfs bureau serve`: the label bureau as a server."""

from typing import TYPE_CHECKING

import click

from sfs.cli.bureau_rate import open_store, store_options
from sfs.errors import SfsError, Where
from sfs.sources.values import Listen, listen_of
from sfs.sources.yaml_nodes import Scalar

if TYPE_CHECKING:
    from sfs.sources.labels import LabelStore

LISTEN = "127.0.0.1:8088"
NEEDED = "the label bureau needs more packages"
INSTALL = "pip install 'sfs-filter[bureau]'"


@click.command("serve")
@click.option("--listen", metavar="H:P", default=LISTEN, show_default=True, help="Where it is asked.")
@store_options
def serve(listen: str, database: str | None, state: str | None) -> int:
    """Answer which labels URLs have: PICS queries at /ratings, JSON at /api/v1, a page for people.

    It records nothing of what it is asked, and changes no label. It ends with Ctrl+C or SIGTERM, when the requests that
    are open have their answer."""
    place = listen_of(Scalar(listen, listen, Where("--listen")))
    try:
        from sfs.bureau.run import serve as run
        from sfs.bureau.server import bound
    except ModuleNotFoundError as fault:
        raise SfsError(f"{NEEDED}: {fault.name} is missing", mend=INSTALL) from None
    listener = bound(place)
    ended = False
    try:
        store = open_store(database, state, create=True)
        shown = Listen(place.host, listener.getsockname()[1])
        ended = run(store, listener, lambda count: _ready(shown, store, count))
    finally:
        listener.close()
        if ended:  # one that hangs would hang us too
            store.close()
    return 0


def _ready(listen: Listen, store: "LabelStore", services: int) -> None:
    changes = store.serial()
    hosted = f"{services} rating service{'s' if services != 1 else ''}"
    what = f"{hosted}, {changes:,} change{'s' if changes != 1 else ''} of labels so far"
    click.echo(f"sfs bureau: ready on {listen}, {what}; ask at http://{listen}/ratings")
    if not changes:
        click.echo("            there is no label yet: rate with `sfs bureau rate URL N`", err=True)
