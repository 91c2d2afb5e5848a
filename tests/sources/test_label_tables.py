"""The file of labels: made for its owner, brought up to today, refused where it is none of ours; nothing is lost."""

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from sfs.errors import SfsError
from sfs.pics.safetyonline import SERVICE
from sfs.sources import label_driver, label_tables
from sfs.sources.labels import LabelStore, StoredLabel

LABEL = StoredLabel(SERVICE, "http://a.test/", (("lv", 2.0),))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "labels.db"


def with_label(path):
    with closing(LabelStore.open(path)) as store:
        store.rate([LABEL], who="test")


def ratings(path):
    with closing(LabelStore.open(path, create=False)) as store:
        return [kept.ratings for kept in store.each()]


def test_the_files_are_the_owners_alone(path):
    with closing(LabelStore.open(path)) as store:
        store.rate([LABEL], who="test")
        files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert "labels.db" in files and set(files.values()) == {0o600}


def test_the_version_that_is_made_is_the_one_that_is_looked_for():
    assert len(label_tables.STEPS) == label_driver.VERSION


def one_more(connection):
    connection.execute(text("ALTER TABLE labels ADD COLUMN more TEXT"))
    connection.execute(text("UPDATE labels SET more = key"))


def test_an_older_store_becomes_one_of_today_with_all_it_held(path):
    with_label(path)
    label_tables.prepare(f"sqlite:///{path}", str(path), (*label_tables.STEPS, one_more))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT version FROM label_schema").fetchall() == [(label_driver.VERSION + 1,)]
        assert database.execute("SELECT key, more FROM labels").fetchall() == [("a.test /", "a.test /")]
        assert database.execute("SELECT count(*) FROM changes").fetchall() == [(1,)]


def test_an_upgrade_that_fails_leaves_the_old_store(path):
    with_label(path)

    def broken(connection):
        one_more(connection)
        connection.execute(text("DELETE FROM labels"))
        connection.execute(text("SELECT * FROM nowhere"))

    with pytest.raises(Exception, match="nowhere"):
        label_tables.prepare(f"sqlite:///{path}", str(path), (*label_tables.STEPS, broken))
    assert ratings(path) == [LABEL.ratings]


def test_a_store_of_a_later_version_is_left_alone(path):
    with_label(path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE label_schema SET version = 99")
    with pytest.raises(SfsError, match="written by a later version of SFS") as fault:
        LabelStore.open(path)
    assert fault.value.mend == "update SFS"
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM labels").fetchall() == [(1,)]


@pytest.mark.parametrize("version", ["'x'", "NULL", None])
def test_a_version_that_was_tampered_with_is_no_store(path, version):
    with_label(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("DROP TABLE label_schema")
        database.execute("CREATE TABLE label_schema (version)")
        if version is not None:
            database.execute(f"INSERT INTO label_schema VALUES ({version})")
    with pytest.raises(SfsError, match="no store of labels"):
        LabelStore.open(path)


@pytest.mark.parametrize("content", [b"not a database" * 100, b"\0" * 8192, b"SQLite format 3\0" + b"\xff" * 8000])
def test_what_is_no_database_is_refused_and_left_as_it_is(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(SfsError):
        LabelStore.open(path)
    assert path.read_bytes() == content


def test_another_database_is_refused_and_left_as_it_is(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE users (name)")
    with pytest.raises(SfsError, match="no store of labels"):
        LabelStore.open(path)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("users",)]


def test_a_damaged_file_is_told(path):
    with closing(LabelStore.open(path)) as store:
        store.rate((StoredLabel(SERVICE, f"http://{n}.test/", LABEL.ratings) for n in range(5000)), who="test")
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xa5" * (len(data) - 8192)
    path.write_bytes(data)
    with pytest.raises(SfsError, match=r"the labels are damaged|no store of labels"):
        ratings(path)


def test_a_missing_file_is_made_only_where_that_is_meant(path):
    with pytest.raises(SfsError):
        LabelStore.open(path, create=False)
    assert not path.parent.exists()


def test_a_folder_or_a_path_through_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "labels.db"):
        with pytest.raises(SfsError) as fault:
            LabelStore.open(path)
        assert fault.value.mend


# A meta path finder that knows no SQLAlchemy: the base alone is installed.
BASE_ALONE = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("sqlalchemy", "psycopg"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from datetime import UTC, datetime
from sfs.errors import SfsError
from sfs.sources.labels import LabelStore, StoredLabel
from sfs.text.url import parse_url
store = LabelStore.open(sys.argv[1])
store.rate([StoredLabel(store.services()[0].uri, "http://b.test/", (("lv", 3.0),))], who="base")
urls = [parse_url("http://a.test/"), parse_url("http://b.test/")]
print([label.ratings for label in store.find(urls, [store.services()[0].uri], datetime.now(UTC))[0]])
try:
    LabelStore.open(sys.argv[1] + ".new")
except SfsError as fault:
    print(fault)
"""


def test_the_base_alone_uses_a_store_and_says_what_a_new_one_needs(path):
    with_label(path)
    child = subprocess.run(
        [sys.executable, "-c", BASE_ALONE, path], capture_output=True, text=True, timeout=60,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert child.stdout.splitlines() == [
        "[(('lv', 2.0),), (('lv', 3.0),)]",
        f"{path}.new: a new or an older store of labels needs more packages: sqlalchemy is missing",
        "  mend: pip install 'sfs-filter[bureau]'",
    ], child.stderr
