"""What Pi-hole exports, in each form; and databases that are none."""

import csv
import io
import json
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.errors import RuleError, SfsError, Where
from sfs.lists.archive import unpack
from sfs.lists.files import read_into
from sfs.lists.formats import pihole
from sfs.lists.tables import Tables

# type, domain, enabled
DOMAINS = [
    (1, "example.com", 1),
    (0, "ok.example.net", 1),
    (3, r"(\.|^)example\.org$", 1),
    (2, r"(\.|^)ok\.example\.org$", 1),
    (3, "^ad[0-9]", 1),
    (1, "off.example.com", 0),
    (1, "not a name", 1),
]
ADLISTS = [("https://lists.example.org/a.txt", 1), ("https://lists.example.org/b.txt", 0)]
FILES = ("whitelist.exact", "blacklist.exact", "whitelist.regex", "blacklist.regex")


def database(path: Path) -> Path:
    found = sqlite3.connect(path)
    found.execute("CREATE TABLE domainlist (id INTEGER PRIMARY KEY, type INTEGER, domain TEXT, enabled BOOLEAN)")
    found.execute("CREATE TABLE adlist (id INTEGER PRIMARY KEY, address TEXT, enabled BOOLEAN)")
    found.executemany("INSERT INTO domainlist (type, domain, enabled) VALUES (?, ?, ?)", DOMAINS)
    found.executemany("INSERT INTO adlist (address, enabled) VALUES (?, ?)", ADLISTS)
    found.commit()
    found.close()
    return path


def teleporter_5(path: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        files = {f"{FILES[kind]}.json": [] for kind in range(4)}
        for kind, domain, enabled in DOMAINS:
            files[f"{FILES[kind]}.json"].append({"type": kind, "domain": domain, "enabled": enabled})
        files["adlist.json"] = [{"address": address, "enabled": enabled} for address, enabled in ADLISTS]
        files["client.json"] = [{"ip": "192.0.2.7"}]
        for name, rows in files.items():
            data = json.dumps(rows).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def teleporter_6(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(database(path.with_suffix(".db")), "etc/pihole/gravity.db")
        archive.writestr("etc/hosts", "127.0.0.1 localhost\n")
        archive.writestr("etc/pihole/pihole.toml", "[dns]\n")
    return path


def api(path: Path) -> Path:
    kinds = (("allow", "exact"), ("deny", "exact"), ("allow", "regex"), ("deny", "regex"))
    rows = [{"domain": d, "type": kinds[k][0], "kind": kinds[k][1], "enabled": bool(e)} for k, d, e in DOMAINS]
    lists = [{"address": address, "type": "block", "enabled": bool(enabled)} for address, enabled in ADLISTS]
    path.write_text(json.dumps({"domains": rows, "lists": lists}))
    return path


def table(path: Path) -> Path:
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", "type", "domain", "enabled", "date_added"])
        out.writerows([(number, *row, 0) for number, row in enumerate(DOMAINS)])
    return path


@pytest.mark.parametrize("make", [database, teleporter_5, teleporter_6, api, table])
def test_every_export_says_the_same(tmp_path, make):
    listed = unpack(make(tmp_path / "export"), tmp_path / "unpacked")
    tables = Tables()
    reading = read_into(listed, "pihole", tables)
    assert {entry.text for entry, _ in tables.entries()} == {"=example.com", "example.org"}
    assert {entry.text for entry in tables.spared} == {"=ok.example.net", "ok.example.org"}
    why = {reason.first.why: reason.count for reason in reading.notes.by_count()}
    lists = {} if make is table else {"a list that Pi-hole fetches: write its address under lists": 1}
    wanted = {"regular expression": 1, "switched off in Pi-hole": 1 if make is table else 2, **lists}
    assert {key: why[key] for key in wanted} == wanted
    assert reading.skipped_count == 1


def test_a_database_of_something_else_is_no_list(tmp_path):
    found = sqlite3.connect(tmp_path / "a")
    # A view could run for ever: only tables are read.
    found.execute(
        "CREATE VIEW domainlist AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT * FROM n"
    )
    found.commit()
    found.close()
    assert pihole.as_lines(tmp_path / "a", Where("a")) == b""


def test_a_table_that_takes_too_long_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(pihole, "_STEPS", 0)
    found = sqlite3.connect(tmp_path / "a")
    found.execute("CREATE TABLE domainlist (type INT, enabled INT, domain TEXT)")
    found.executemany("INSERT INTO domainlist VALUES (1, 1, ?)", [(f"a{n}.example",) for n in range(30_000)])
    found.commit()
    found.close()
    with pytest.raises(RuleError, match="damaged, or none of Pi-hole"):
        pihole.as_lines(tmp_path / "a", Where("a"))


def test_rows_and_bytes_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(pihole, "MAX_ROWS", 3)
    with pytest.raises(RuleError, match="more than 3 rows"):
        pihole.as_lines(api(tmp_path / "a"), Where("a"))
    monkeypatch.setattr(pihole, "MAX_FILE", 3)
    with pytest.raises(RuleError, match="more than 3 bytes"):
        pihole.as_lines(tmp_path / "a", Where("a"))


@pytest.mark.parametrize("data", [b"", b"[", b"[" * 100_000, b'{"domains": 5}', b"a,b\n1,2\n", b"\xff\xfe", b'"\n\n\0'])
def test_what_is_no_export_is_refused_or_empty(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    try:
        assert pihole.as_lines(tmp_path / "a", Where("a")) == b""
    except RuleError as fault:
        assert fault.mend


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return database(tmp_path_factory.mktemp("db") / "gravity.db")


@settings(max_examples=100)
@given(st.integers(0, 8191), st.binary(min_size=1, max_size=40))
def test_a_damaged_database_gives_rows_or_an_error(whole, place, data):
    good, path = whole.read_bytes(), whole.with_name("bad.db")
    path.write_bytes(good[:place] + data + good[place + len(data) :])
    try:
        read_into(path, "pihole", Tables())
    except SfsError as fault:
        assert fault.what
