"""Files that change while `sfs run` serves, and SIGHUP: the new policy holds from the next request on, whole, and what
is open goes on. A change that cannot be used changes nothing, and says why."""

import http.client
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.origin import Reply, page
from tests.e2e.proxy import ROOT, Proxy

HOSTS = ("site.test", "kids.test", "other.test", "find.test")
BASE = "level: 2\nreach: [127.0.0.0/8]\ndefault_lists: false\n"


def replace(path: Path, text: str) -> None:
    """As an editor saves: beside it, then renamed."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


class Reader:
    """One kept-alive connection to the proxy; `ask` gives the status of a page."""

    def __init__(self, proxy: Proxy, port: int) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
        self.port = port

    def ask(self, host: str) -> int:
        url = f"http://{host}:{self.port}/watch"
        self.connection.request("GET", url, headers={"Host": f"{host}:{self.port}", "Accept": "text/html"})
        answer = self.connection.getresponse()
        answer.read()
        return answer.status

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    @property
    def local(self) -> object:
        """Tells this connection from another one that took its place."""
        return self.connection.sock.getsockname() if self.connection.sock else None


@pytest.fixture
def pages(origin):
    for host in HOSTS:
        origin.replies[f"{host}/watch"] = Reply(page("Watch"))
    return origin.http


@contextmanager
def running(tmp_path: Path, names, config: str = BASE, arguments: tuple[str, ...] = ()) -> Iterator[Proxy]:
    proxy = Proxy({}, tmp_path / "state", names.file, *arguments)
    proxy.config_file.write_text(config)
    with proxy:
        yield proxy


def said_again(proxy: Proxy, pattern: str, count: int) -> None:
    """Wait until a pattern was said so many times."""
    end = time.monotonic() + 60
    while len(re.findall(pattern, "".join(proxy.lines))) < count:
        assert time.monotonic() < end, "".join(proxy.lines)
        time.sleep(0.02)


def test_a_change_of_the_file_holds_on_a_connection_that_is_open(tmp_path, names, pages):
    with running(tmp_path, names) as proxy, Reader(proxy, pages) as reader:
        assert proxy.process is not None
        assert reader.ask("site.test") == 200
        before = reader.local
        replace(proxy.config_file, BASE + "block: [site.test]\nhttps: sni\n")
        proxy.said(r"reloaded: block: \+1 -0\n")
        proxy.said(r"reloaded: https: auto -> sni\n")
        assert reader.ask("site.test") == 403
        replace(proxy.config_file, BASE + "block: [site.test\n")
        proxy.said(r"what was changed is not in force: .*config.yaml")
        assert reader.ask("site.test") == 403
        replace(proxy.config_file, BASE + "block: [site.test]\nhttps: sni\n")
        proxy.process.send_signal(signal.SIGHUP)
        proxy.said("reloaded: nothing changed")
        assert (reader.ask("site.test"), reader.ask("kids.test")) == (403, 200)
        assert reader.local == before
        assert "site.test" not in "".join(proxy.lines).split("not in force")[0]  # an own entry is nobody's business


@pytest.mark.long  # 9 s; tests/sources/test_loading.py has the rules of it
def test_a_long_list_of_the_owner_is_compiled_apart_and_garbage_leaves_the_old_one(tmp_path, names, pages):
    listed = tmp_path / "list.txt"
    many = [f"name{n}.example" for n in range(60_000)]
    listed.write_text("\n".join([*many, "site.test"]) + "\n")
    config = BASE + f"lists: [{{name: own, url: '{listed}', format: plain, rating: 4}}]\n"
    (tmp_path / "sfs.yaml").write_text(config)
    update = [sys.executable, "-m", "sfs", "lists", "update", "--config", tmp_path / "sfs.yaml", "--quiet"]
    subprocess.run([*update, "--state", tmp_path / "state"], check=True, cwd=ROOT, timeout=120)
    with running(tmp_path, names, config) as proxy, Reader(proxy, pages) as reader:
        assert proxy.process is not None
        assert (reader.ask("site.test"), reader.ask("kids.test")) == (403, 200)
        replace(listed, "\n".join([*many, "kids.test"]) + "\n")
        proxy.said(r"reloaded: list own: \+1 -1\n")
        assert (reader.ask("site.test"), reader.ask("kids.test")) == (200, 403)
        replace(listed, "<!doctype html><p>Moved</p>" * 5_000 + "\n" * 60_000)
        state, end = proxy.state / "lists" / "own" / "state.json", time.monotonic() + 60
        while "web page" not in state.read_text():
            assert time.monotonic() < end
            time.sleep(0.05)
        assert (reader.ask("site.test"), reader.ask("kids.test")) == (200, 403)
        replace(listed, "\n".join([*many, "other.test"]) + "\n")  # and the next one is not waited for
        said_again(proxy, r"reloaded: list own: \+1 -1\n", 2)
        assert (reader.ask("kids.test"), reader.ask("other.test")) == (200, 403)


@pytest.mark.long
def test_a_reload_takes_little_more_memory_than_there_is(tmp_path, names, pages):
    """All that may change does: a list of many names, words, entries. Bound: 1.2 of what it had."""
    listed = tmp_path / "list.txt"
    many = [f"name{n}.example" for n in range(300_000)]
    config = BASE + f"lists: [{{name: own, url: '{listed}', format: plain, rating: 4}}]\n"
    listed.write_text("\n".join([*many, "site.test"]) + "\n")
    (tmp_path / "sfs.yaml").write_text(config)
    update = [sys.executable, "-m", "sfs", "lists", "update", "--config", tmp_path / "sfs.yaml", "--quiet"]
    subprocess.run([*update, "--state", tmp_path / "state"], check=True, cwd=ROOT, timeout=120)
    with running(tmp_path, names, config) as proxy, Reader(proxy, pages) as reader:
        assert proxy.process is not None
        for _ in range(50):
            assert (reader.ask("site.test"), reader.ask("kids.test")) == (403, 200)
        before = proxy.memory()
        Path(f"/proc/{proxy.process.pid}/clear_refs").write_text("5")  # the peak from now on; proc(5)
        assert proxy.memory("VmHWM") < before * 1.1
        replace(listed, "\n".join([*many[::2], *(f"other{n}.example" for n in range(150_000)), "kids.test"]) + "\n")
        proxy.said(r"reloaded: list own: ")
        replace(proxy.config_file, config + "keywords: {3: [blue widget]}\nblock: [other.test]\n")
        proxy.said(r"reloaded: block: ")
        assert (reader.ask("site.test"), reader.ask("kids.test"), reader.ask("other.test")) == (200, 403, 403)
        assert proxy.memory("VmHWM") <= before * 1.2


class Times:
    """When each ruleset was current, at most: from before it was asked for until after the next one was in force."""

    def __init__(self) -> None:
        self.rows: list[list[object]] = []

    def begins(self, blocked: str) -> None:
        self.rows.append([time.monotonic(), None, blocked])

    def holds(self) -> None:
        """The newest is in force for certain: those before are over."""
        for row in self.rows[:-1]:
            row[1] = row[1] or time.monotonic()

    def possible(self, begin: float, end: float) -> set[object]:
        return {name for start, over, name in self.rows if start <= end and (over is None or over >= begin)}


def load(proxy: Proxy, port: int, done: threading.Event, answers: list, faults: list) -> None:
    """Ask on one connection, page after page, until told to end."""
    reader, dice = Reader(proxy, port), random.Random(threading.get_ident())
    local = None
    try:
        while not done.is_set():
            host = dice.choice(HOSTS)
            begin = time.monotonic()
            status = reader.ask(host)
            answers.append((begin, time.monotonic(), host, status))
            if local not in (None, reader.local):
                faults.append("a connection was dropped")
            local = reader.local
    except Exception as fault:
        faults.append(repr(fault))
    finally:
        reader.connection.close()


@pytest.mark.parametrize(
    ("reloads", "arguments"),
    [
        (3, ()),
        pytest.param(100, (), marks=pytest.mark.long),
        pytest.param(100, ("--workers", "2"), marks=pytest.mark.long),
    ],
)
def test_every_answer_under_load_is_that_of_the_ruleset_then_current(tmp_path, names, pages, reloads, arguments):
    listed = tmp_path / "list.txt"
    config = BASE + f"lists: [{{name: own, url: '{listed}', format: plain, rating: 4}}]\n"
    filling = "".join(f"name{n}.example\n" for n in range(2_000))
    times, answers, faults, done = Times(), [], [], threading.Event()
    listed.write_text(filling + HOSTS[0] + "\n")
    times.begins(HOSTS[0])
    with running(tmp_path, names, config, arguments) as proxy:
        threads = [threading.Thread(target=load, args=(proxy, pages, done, answers, faults)) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for number in range(1, reloads + 1):
                blocked = HOSTS[number % len(HOSTS)]
                times.begins(blocked)
                replace(listed, filling + blocked + "\n")
                if number % 2:  # by the watch alone, and hurried by a signal
                    os.kill(proxy.process.pid, signal.SIGHUP)
                said_again(proxy, r"reloaded: list own: \+1 -1\n", number)
                times.holds()
                asked = len(answers)
                while len(answers) < asked + 20 and not faults:
                    time.sleep(0.005)
        finally:
            done.set()
            for thread in threads:
                thread.join(60)
    assert not faults
    wrong = []
    for begin, end, host, status in answers:
        possible = times.possible(begin, end)
        fits = {403 if host == blocked else 200 for blocked in possible}
        if status not in fits:
            wrong.append((host, status, possible))
    assert not wrong
    assert len(answers) >= 20 * reloads
    assert {status for *_, status in answers} == {200, 403}
