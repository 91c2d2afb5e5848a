"""A bureau from its start to its end: the store in the thread of look-ups, the server on the loop."""

import socket
from collections.abc import Callable

import uvloop

from sfs.bureau.app import App
from sfs.bureau.connection import DEFAULT, Limits
from sfs.bureau.counts import Counts
from sfs.bureau.desk import Desk, Store
from sfs.bureau.lookups import Faults, LookUps
from sfs.bureau.server import Server
from sfs.web.server import limit_logs


def serve(store: Store, listener: socket.socket, ready: Callable[[int], None], limits: Limits = DEFAULT) -> bool:
    """Serve `store` on `listener` until SIGTERM or SIGINT; `ready` gets the number of services when connections are
    taken. False where the store still hangs at the end, and must not be touched any more."""
    limit_logs()
    return uvloop.run(_serve(store, listener, ready, limits))


async def _serve(store: Store, listener: socket.socket, ready: Callable[[int], None], limits: Limits) -> bool:
    faults = Faults()
    desk = Desk(store, faults)
    look_ups = LookUps(desk.answers)
    counts = Counts(lambda: server.open_connections, lambda: faults.count)
    app = App(desk, look_ups, counts, faults)
    server = Server(app, listener, lambda: ready(len(desk.kept().services)), limits)
    look_ups.start()
    try:
        await server.run_until_stopped()
    finally:
        ended = look_ups.stop()
    return ended
