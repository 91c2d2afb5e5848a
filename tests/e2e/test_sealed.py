"""A sealed list in `sfs run`: it blocks, a new one holds without a restart, and neither the memory of a process nor a
file of it ever holds an entry. What is asked for stands in memory itself, so those entries are marked otherwise."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from sfs.export.selftest.plan import Engine, WebProxy
from sfs.export.selftest.web import look_at_proxy
from tests.e2e.proxy import ROOT, Proxy

DEADLINE = 60  # seconds; a loaded machine takes long, and nothing is asserted by it
MARK = "marqued"  # in every entry that nobody asks for; on no page and in no name of ours
ASKED = ("asked1.test", "asked2.test")  # those that are


def sfs(*arguments: object, text: str = "") -> None:
    words = [sys.executable, "-m", "sfs", *map(str, arguments)]
    done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def listed(*hosts: str, serial: int) -> str:
    """A list of every unit, each a hundred times, and these hosts."""
    rows: list[dict] = [{"list": "body", "purpose": "child-protection", "serial": serial}]
    for number in range(100):
        name = f"{MARK}{serial}x{number}"
        rows += [
            {"unit": "domain-tree", "host": f"{name}.example"},
            {"unit": "host", "host": f"www.{name}.test"},
            {"unit": "path-prefix", "url": f"http://pages.test/{name}/"},
            {"unit": "url-any-query", "url": f"http://pages.test/a/{name}.html"},
            {"unit": "url-exact", "url": f"http://pages.test/s?q={name}"},
            {"unit": "url-query-keys", "url": f"http://pages.test/k?a=1&{name}=b", "keys": [name]},
        ]
    rows += [{"unit": "host", "host": host} for host in hosts]
    return "".join(f"{json.dumps(row)}\n" for row in rows)


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[tuple[Proxy, Path]]:
    """A proxy with the first list, and where its sealed file lies."""
    key, sealed, state = folder / "isp.key", folder / "list.sealed", folder / "state"
    sfs("isp", "key", "-o", key)
    sfs("lists", "seal", "-", "-o", sealed, "--key", key, text=listed(ASKED[0], serial=7))
    config = {
        "profile": "isp",
        "lists": [{"name": "body", "url": str(sealed), "mandatory": True, "key": str(key)}],
        "reach": ["127.0.0.0/8"],
    }
    (folder / "names").write_text("")
    with Proxy(config, state, folder / "names", *arguments) as proxy:
        yield proxy, sealed


def blocks(proxy: Proxy, host: str, path: str = "/") -> bool:
    return proxy.raw(f"GET http://{host}{path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).startswith(b"HTTP/1.1 451")


def until_blocked(proxy: Proxy, host: str) -> None:
    end = time.monotonic() + DEADLINE
    while not blocks(proxy, host):
        assert time.monotonic() < end, "".join(proxy.lines)
        time.sleep(0.05)


def found_in_memory(pid: int, marks: list[bytes]) -> set[bytes]:
    """Those of the marks that stand anywhere in the memory of a process."""
    found = set()
    with Path(f"/proc/{pid}/maps").open() as maps, Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in maps:
            span, rights, _, _, inode = line.split()[:5]
            # What is mapped from a file and was not written to is that file.
            if rights[0] != "r" or (inode != "0" and "w" not in rights) or "[v" in line:
                continue
            begin, end = (int(side, 16) for side in span.split("-"))
            while begin < end:
                memory.seek(begin)
                try:
                    part = memory.read(min(end - begin, 1 << 24))
                except OSError:  # given back since the maps were read
                    break
                found |= {mark for mark in marks if mark in part}
                begin += max(len(part) - 64 if len(part) == 1 << 24 else len(part), 1)
    return found


def found_on_disk(folder: Path, marks: list[bytes]) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if any(mark in path.read_bytes() for mark in marks)]


def spellings(mark: str) -> list[bytes]:
    """A mark as it might stand in memory: in strings of all widths, and reversed as tries have it."""
    return [mark.encode(), mark.encode("utf-16-le"), mark.encode("utf-32-le"), mark[::-1].encode()]


def processes(proxy: Proxy) -> list[int]:
    assert proxy.process is not None
    return [proxy.process.pid, *(child.pid for child in psutil.Process(proxy.process.pid).children(recursive=True))]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="another system than Linux")
@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_no_entry_stands_in_memory_or_on_disk(tmp_path, workers):
    if os.geteuid() != 0:
        pytest.skip("a process that keeps no core lets root alone look into its memory")
    marks = spellings(MARK)
    control = spellings("127.0.0.0/8")[:1]  # of the configuration: memory is really read
    with running(tmp_path, "--workers", workers) as (proxy, sealed):

        def look(control: list[bytes] = control) -> None:
            pids = processes(proxy)
            assert len(pids) == (1 if workers == "1" else 4)
            seen = [found_in_memory(pid, [*marks, *control]) for pid in pids]
            assert seen == [set(control)] * len(pids)
            assert found_on_disk(proxy.state, marks) == found_on_disk(sealed.parent, marks) == []

        look()
        for path in ("/", "/a/other.html", "/s?q=other", "/k?other=b"):
            assert not blocks(proxy, "pages.test", path)
        assert not blocks(proxy, "example") and not blocks(proxy, "www.test")
        assert blocks(proxy, ASKED[0])
        look()
        sfs("lists", "seal", "-", "-o", sealed, "--key", sealed.parent / "isp.key", "--accept-change",
            text=listed(*ASKED, serial=8))  # fmt: skip
        for _ in range(3):  # while it is loaded
            assert found_in_memory(processes(proxy)[0], marks) == set()
        until_blocked(proxy, ASKED[1])
        look()
        probed = WebProxy("proxy", Engine.PROXY, "127.0.0.1", proxy.port, ("child-protection.rpz",))
        asked, wrong = asyncio.run(look_at_proxy(probed, asyncio.Semaphore(4)))
        assert asked > 4 and wrong == ()  # the canaries stand in it
        limits = [Path(f"/proc/{pid}/limits").read_text() for pid in processes(proxy)]
        assert all(re.search(r"Max core file size +0 ", text) for text in limits)
        said = "".join(proxy.lines)
    assert "mandatory list body: 7 -> 8" in said
    assert MARK not in said and not any(host in said for host in ASKED)
    key = (sealed.parent / "isp.key").read_text().split(":")[1].strip()
    assert key not in said and found_on_disk(proxy.state, [key.encode(), bytes.fromhex(key)]) == []
