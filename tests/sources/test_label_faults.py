"""The store of labels when its disk is full, its file is locked, not to be written or exchanged, its server away."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import LabelError, SfsError
from sfs.pics.safetyonline import SERVICE
from sfs.sources import label_sqlite
from sfs.sources.labels import Counts, LabelStore, StoredLabel
from sfs.text.url import parse_url

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def label(number, level=1):
    return StoredLabel(SERVICE, f"http://site{number}.test/", (("lv", float(level)),))


def levels(store, numbers):
    found = store.find([parse_url(f"http://site{number}.test/") for number in numbers], [SERVICE], NOW)[0]
    return [None if one is None else int(one.ratings[0][1]) for one in found]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.db"


@pytest.fixture
def store(path):
    with closing(LabelStore.open(path)) as made:
        made.rate([label(1)], who="test")
        yield made


def test_a_file_that_another_program_writes_is_told_and_read_all_the_same(path, monkeypatch):
    monkeypatch.setattr(label_sqlite, "BUSY", 0.05)
    with closing(LabelStore.open(path)) as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        store.rate([label(1)], who="test")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SfsError, match="another program is writing to the labels") as fault:
            store.rate([label(2)], who="test")
        assert fault.value.mend == "try again when it is done"
        assert levels(store, [1, 2]) == [1, None]
        other.execute("ROLLBACK")
        assert store.rate([label(2)], who="test") == Counts(new=1)


def test_a_table_that_another_program_writes_is_told_and_read_all_the_same(postgres, monkeypatch):
    monkeypatch.setattr("sfs.sources.label_postgres.BUSY", "50ms")
    database = postgres.database()
    plain = database.replace("+psycopg", "")
    with closing(LabelStore.open(database)) as store, closing(psycopg.connect(plain)) as other:
        store.rate([label(1)], who="test")
        other.execute("LOCK TABLE changes IN SHARE ROW EXCLUSIVE MODE")
        with pytest.raises(SfsError, match="another program is writing to the labels"):
            store.rate([label(2)], who="test")
        assert levels(store, [1, 2]) == [1, None]
        other.rollback()
        assert store.rate([label(2)], who="test") == Counts(new=1)


# Files of this process may grow by 300 kB: beyond that the system refuses as a full disk does.
FULL = """
import resource, sys
from sfs.errors import SfsError
from sfs.sources.labels import LabelStore
from tests.sources.test_label_faults import label
store = LabelStore.open(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
number = 0
try:
    while True:
        store.rate((label(n, 2) for n in range(number, number + 500)), who="test")
        number += 500
except SfsError as fault:
    print(number, fault.what, fault.mend, sep="|")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(store.rate([label(10**6, 3)], who="test").new)
"""


def child(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_full_disk_loses_nothing_that_was_acknowledged(path):
    LabelStore.open(path).close()
    told, later = child(FULL, path)
    acknowledged, what, mend = told.split("|")
    assert int(acknowledged) >= 500 and later == "1"
    assert what in [said for said, _ in label_sqlite._FAULTS.values()] and "nothing was written" in what and mend
    with closing(LabelStore.open(path)) as store:
        number = int(acknowledged)
        assert set(levels(store, range(number))) == {2}
        assert set(levels(store, range(number, number + 500))) == {None}
        assert levels(store, [10**6]) == [3]


READ_ONLY = """
import os, sys
from sfs.errors import SfsError
from sfs.sources.labels import LabelStore
from sfs.sources import label_sqlite
from tests.sources.test_label_faults import label, levels
label_sqlite.BUSY = 0.1
if os.geteuid() == 0:  # whom no rights hold
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
try:
    store = LabelStore.open(sys.argv[1], create=False)
    print(levels(store, [1]))
    store.rate([label(2)], who="test")
except SfsError as fault:
    print(fault)
"""


def test_a_file_that_may_not_be_written_is_told():
    folder = Path(tempfile.mkdtemp(prefix="sfs-labels-"))  # pytest's own is closed to other users
    try:
        path = folder / "labels.db"
        with closing(LabelStore.open(path)) as store:
            store.rate([label(1)], who="test")
        path.chmod(0o444)
        folder.chmod(0o777)
        shown, what, mend = child(READ_ONLY, path)
        assert shown == "[1]"
        assert what == f"{path}: the labels may not be written"
        assert mend == "  mend: make the file and its folder writable"
        for leftover in ("labels.db-wal", "labels.db-shm"):
            (folder / leftover).unlink(missing_ok=True)
        folder.chmod(0o555)
        what, mend = child(READ_ONLY, path)
        assert what.startswith(f"{path}: the labels ") and "mend: " in mend
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_file_that_is_put_in_place_of_another_is_followed(store, path, tmp_path, monkeypatch):
    monkeypatch.setattr(label_sqlite, "LOOK_EVERY", 0.0)
    assert levels(store, [1, 7]) == [1, None]
    with closing(LabelStore.open(tmp_path / "new.db")) as other:
        other.rate([label(7, 4)], who="test")
    for file in ("labels.db-wal", "labels.db-shm", "labels.db"):
        (tmp_path / file).unlink(missing_ok=True)
    with pytest.raises(SfsError, match="the file of the labels is gone"):
        store.rate([label(8)], who="test")
    os.replace(tmp_path / "new.db", path)
    assert store.rate([label(8)], who="test") == Counts(new=1)
    assert levels(store, [1, 7, 8]) == [None, 4, 1]
    path.unlink()
    path.write_bytes(b"something else")
    with pytest.raises(SfsError):
        store.rate([label(9)], who="test")


def test_a_server_that_goes_away_is_told_and_is_used_again_once_it_is_back(postgres):
    with closing(LabelStore.open(postgres.database())) as store:
        store.rate([label(1)], who="test")
        postgres.stop()
        try:
            for use in (lambda: levels(store, [1]), lambda: store.rate([label(2)], who="test"), store.serial):
                with pytest.raises(SfsError, match="the database does not answer") as fault:
                    use()
                assert fault.value.mend
        finally:
            postgres.start()
        assert store.rate([label(2)], who="test") == Counts(new=1)
        assert levels(store, [1, 2]) == [1, 1]


def test_a_connection_that_was_cut_between_two_questions_is_not_noticed(postgres):
    database = postgres.database()
    with closing(LabelStore.open(database)) as store:
        store.rate([label(1)], who="test")
        for use in (lambda: levels(store, [1]) == [1], lambda: store.rate([label(1)], who="test") == Counts(same=1)):
            with closing(psycopg.connect(database.replace("+psycopg", ""), autocommit=True)) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            assert use()


def test_what_goes_wrong_in_the_middle_leaves_nothing(store):
    def broken():
        yield label(5)
        raise RuntimeError("the list ended early")

    with pytest.raises(RuntimeError):
        store.rate(broken(), who="test")
    assert store.serial() == 1
    assert levels(store, [1, 5]) == [1, None]
    assert store.rate([label(5)], who="test") == Counts(new=1)


def test_several_threads_read_while_one_writes(store):
    wrong, ended = [], threading.Event()

    def look():
        while not ended.is_set():
            found = set(levels(store, range(1000, 1200)))
            if len(found) > 1:  # each transaction rates all of them alike
                wrong.append(found)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    try:
        for level in range(5):
            store.rate((label(number, level) for number in range(1000, 1200)), who="test")
    finally:
        ended.set()
        for reader in readers:
            reader.join()
    assert wrong == []
    assert set(levels(store, range(1000, 1200))) == {4}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with closing(LabelStore.open(tmp_path_factory.mktemp("shared") / "labels.db")) as made:
        yield made


@given(st.text(max_size=40), st.booleans(), st.booleans(), st.text(max_size=20), st.floats())
def test_any_texts_are_kept_or_refused(shared, rest, generic, below, text, value):
    given_label = StoredLabel(
        SERVICE, f"http://h.test/{rest}", (("lv", value),), generic, below, by=text, comment=text, source=text
    )
    before = shared.serial()
    try:
        shared.rate([given_label], who=text or "x")
    except LabelError:
        assert shared.serial() == before
    else:
        url = parse_url(f"http://h.test/{rest}")
        found = shared.find([url], [SERVICE], datetime.now(UTC))[0][0]
        assert found is not None and found.ratings == (("lv", value),)


@given(st.text(max_size=200), st.binary(max_size=60))
def test_any_url_gives_an_answer(shared, text, data):
    for given_url in (f"http://h.test/{text}", b"http://h.test/" + data, text):
        try:
            url = parse_url(given_url)
        except SfsError:
            continue
        (((answer,),)) = shared.find([url], [SERVICE], NOW)
        assert answer is None or url.host == "h.test"
