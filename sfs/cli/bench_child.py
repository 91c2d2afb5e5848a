"""The two proxies of `sfs bench`, each a child: ours with the filter of the user, and mitmdump as it comes.

python -m sfs.cli.bench_child sfs|bare FOLDER [OPTIONS AS JSON]"""

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sfs.cli.common import chosen
from sfs.sources.live import Live
from sfs.sources.values import Listen
from sfs.text.address import parse_reach


def run_ours(folder: Path, options: Mapping[str, object]) -> None:
    """The tuned proxy with the filter that the options mean. It keeps what it keeps in `folder`, reaches loopback,
    where the bench has its server, and shows what nobody has rated."""
    from sfs.proxy.run import serve

    given = {key: Path(str(value)) if key == "config" else value for key, value in options.items()}
    filter_ = chosen(given | {"unrated": "show", "record": "nothing"}).filter()
    reach = (*filter_.config.reach, parse_reach("127.0.0.0/8"))
    config = replace(filter_.config, state=folder, reach=reach, listen=Listen("127.0.0.1", 0), front=())
    filter_ = replace(filter_, config=config)

    def ready(listening: tuple[Listen, ...]) -> None:
        print(f"ready on {listening[0]}", flush=True)

    asyncio.run(serve(Live(filter_, lambda before: before), ready))


def run_bare(folder: Path) -> None:
    """`mitmdump -q`."""
    from mitmproxy.tools.main import mitmdump

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    threading.Thread(target=_announce, args=(port,), daemon=True).start()
    mitmdump(["-q", "--listen-host", "127.0.0.1", "-p", str(port), "--set", f"confdir={folder}"])


def _announce(port: int) -> None:
    """Say so when it takes connections: quiet, it does not."""
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            print(f"ready on 127.0.0.1:{port}", flush=True)
            return


if __name__ == "__main__":
    which, where, *more = sys.argv[1:]
    if which == "bare":
        run_bare(Path(where))
    else:
        run_ours(Path(where), json.loads(more[0]))
