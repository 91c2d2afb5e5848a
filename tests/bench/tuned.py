"""`sfs run` as a child of a benchmark, with two things that no user needs.

python tests/bench/tuned.py [--bare] ARGUMENTS OF sfs run...

`--bare`: the same tuned proxy, with our addon not loaded: what filtering costs is the difference. On SIGRTMIN it writes
what it holds (tasks, flows, client connections) as JSON to the file that SFS_BENCH_HELD names."""

import asyncio
import gc
import json
import os
import signal
import sys
from pathlib import Path

from mitmproxy import http
from mitmproxy.proxy import server

from sfs.cli.main import main
from sfs.proxy import run


class NoFilter:
    """In the place of SfsAddon: has none of its hooks."""

    name = "nofilter"

    def __init__(self, *_: object, **__: object) -> None:
        pass


def say_what_is_held(*_: object) -> None:
    """Called between two steps of the loop."""
    gc.collect()
    kinds = [type(one) for one in gc.get_objects()]
    held = {
        "tasks": len(asyncio.all_tasks()),
        "flows": kinds.count(http.HTTPFlow),
        "connections": sum(issubclass(kind, server.ConnectionHandler) for kind in kinds),
    }
    file = Path(os.environ["SFS_BENCH_HELD"])
    file.with_suffix(".new").write_text(json.dumps(held))
    file.with_suffix(".new").replace(file)


if __name__ == "__main__":
    if bare := sys.argv[1:2] == ["--bare"]:
        run.SfsAddon = NoFilter
    sys.argv = ["sfs", "run", *sys.argv[2 if bare else 1 :]]
    signal.signal(signal.SIGRTMIN, say_what_is_held)
    main()
