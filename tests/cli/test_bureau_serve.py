"""`sfs bureau serve` from its command line, and `sfs bench bureau`."""

import json
import re
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from sfs.cli.bench_bureau import _label, _names, _urls
from sfs.cli.main import cli
from sfs.errors import SfsError
from sfs.pics.safetyonline import SERVICE
from sfs.pics.stored import StoredLabel
from sfs.sources.labels import LabelStore
from sfs.text.url import parse_url
from tests.bureau.running import ROOT, Bureau


def sfs(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sfs", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)


def test_it_says_in_one_line_what_it_serves_and_where(tmp_path):
    program = ["-m", "sfs", "bureau", "serve", "--listen", "127.0.0.1:0", "--state", str(tmp_path / "state")]
    with Bureau("", program=program) as running:
        first, hint = running.printed[0], running.ask("/healthz").text
        assert re.fullmatch(
            r"sfs bureau: ready on 127\.0\.0\.1:\d+, 1 rating service, 0 changes of labels so far; "
            r"ask at http://127\.0\.0\.1:\d+/ratings\n",
            first,
        )
        assert hint == "ok\n"
        with closing(LabelStore.open(tmp_path / "state" / "labels.db")) as store:
            store.rate([StoredLabel(SERVICE, "http://h.example/", (("lv", 3.0),), generic=True)], who="tests")
        assert "(lv 3)" in running.ask("/ratings?u=http://h.example/x").text
        assert running.stop() == 0
    assert "there is no label yet" in "".join(running.printed[1:])


def refused(*arguments: str) -> SfsError:
    """Why a start fails, in this process."""
    with pytest.raises(SfsError) as caught:
        cli(["bureau", "serve", *arguments], standalone_mode=False)
    assert caught.value.mend
    return caught.value


def test_what_stops_the_start_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        fault = refused("--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--state", str(tmp_path))
    assert "cannot listen" in fault.what and not (tmp_path / "labels.db").exists()
    noise, file = tmp_path / "noise.db", tmp_path / "file.txt"
    noise.write_bytes(b"no database" * 1000)
    file.touch()
    for database in (noise, file / "labels.db", "postgresql+psycopg://127.0.0.1:1/none", "what://ever"):
        refused("--listen", "127.0.0.1:0", "--database", str(database))
    assert "--listen: '8088' is not an address and a port" in str(refused("--listen", "8088"))


def test_packages_that_are_missing_are_named_with_the_line_that_installs_them(tmp_path):
    code = (
        "import sys\nfor name in ('uvloop', 'httptools', 'starlette', 'prometheus_client'): sys.modules[name] = None\n"
        f"sys.argv = ['sfs', 'bureau', 'serve', '--listen', '127.0.0.1:0', '--state', {str(tmp_path)!r}]\n"
        "from sfs.cli.main import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert done.returncode == 2
    assert "the label bureau needs more packages" in done.stderr and "pip install 'sfs-filter[bureau]'" in done.stderr


def test_the_bench_measures_a_real_bureau():
    done = sfs("bench", "bureau", "--labels", "1000", "--requests", "100", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["labels"] == 1000 and 0 < figures["p50_ms"] <= figures["p99_ms"]
    assert min(figures["hello"], figures["singles"], figures["batch_urls"], figures["resident"]) > 0


def test_the_bench_asks_for_nothing_twice_and_for_reserved_names_alone():
    names = _names(None, 1000)
    asked = list(_urls(names, 5000))
    assert len(set(asked)) == 5000
    assert all(parse_url(url).host.endswith(".test") for url in asked)
    assert len({_label(number, name).for_ for number, name in enumerate(names)}) == 1000
