"""Tables of labels: what a spreadsheet writes, and what somebody writes by hand."""

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.bureau.importing.meaning import Meaning
from sfs.bureau.importing.table_rows import read_cell, rows_of, write_cell
from sfs.bureau.importing.tables import is_label_table, read_table
from sfs.cli.bureau_rate import moment_of
from sfs.errors import RuleError
from sfs.pics.safetyonline import SERVICE
from sfs.pics.stored import StoredLabel
from sfs.sources.categories import load_categories
from sfs.sources.places import rules_dir

CATEGORIES = load_categories(rules_dir() / "ratings" / "categories.yaml")
RSAC = "http://www.rsac.org/ratingsv01.html"
OF_S = Meaning(source="s")


@pytest.fixture
def read(tmp_path):
    def reading(data: str | bytes, meaning: Meaning = OF_S):
        path = tmp_path / "t.csv"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        notes = []
        labels = [(one.line, one.label) for one in read_table(path, "t", meaning, CATEGORIES, notes.append)]
        return labels, [(str(note.where), note.kind, note.why) for note in notes]

    return reading


def test_every_column(read):
    labels, notes = read(
        "url,rating,generic,below,by,on,until,comment,service,source\n"
        'http://example.com/a/,3,yes,no,Kato,2026-11-28,2026-12-31T00:00+09:00,"a, b\n""c""",,my list\n'
        f"http://example.com/,n=0 s=(1 2:4),no,,,,,,{RSAC},\n"
    )
    assert notes == []
    assert labels[0] == (
        2,
        StoredLabel(
            SERVICE, "http://example.com/a/", (("lv", 3),), True, False, "Kato", datetime(2026, 11, 28, tzinfo=UTC),
            datetime(2026, 12, 30, 15, tzinfo=UTC), 'a, b\n"c"', "my list",
        ),
    )  # fmt: skip
    line, label = labels[1]
    assert (line, label.service, label.generic, label.source) == (4, RSAC, False, None)
    assert dict(label.ratings)["n"] == 0


def test_a_bare_name_means_the_site_and_a_url_the_page(read):
    labels, _ = read("url,lv\nexample.com,2\nhttp://example.com/,2\nexample.com/a,2\n192.0.2.1,2\n日本.test,2\n")
    assert [(label.for_, label.generic, label.below) for _, label in labels] == [
        ("http://example.com", True, True),
        ("http://example.com/", False, False),
        ("http://example.com/a", False, False),
        ("http://192.0.2.1", True, True),
        ("http://xn--wgv71a.test", True, True),
    ]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_a_day_is_the_one_that_sfs_bureau_rate_means(read, zone, monkeypatch):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        days = ("2026/12/31", "2026-12-31", "2026.12.31", "2026-12-31T23:59:59", "2026-12-31 23:59:59")
        labels, notes = read("url,rating,until\n" + "".join(f"example.com,1,{day}\n" for day in days))
        by_hand = {moment_of(day, datetime(2026, 1, 1, tzinfo=UTC)) for day in days}
        assert notes == [] and len(labels) == len(days)
        assert {label.until for _, label in labels} == by_hand
        assert by_hand == {datetime(2026, 12, 31, 23, 59, 59, tzinfo=ZoneInfo(zone))}
        labels, _ = read("url,rating,on\nexample.com,1,2026-12-31\n")
        assert labels[0][1].on == datetime(2026, 12, 31, tzinfo=ZoneInfo(zone))
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_japanese_columns_in_every_encoding(read, delimiter, encoding):
    rows = (("アドレス", "レーティング", "コメント"), ("example.com", "2", "青い部品"))
    labels, notes = read("\r\n".join(delimiter.join(row) for row in rows).encode(encoding))
    assert notes == []
    assert [label.comment for _, label in labels] == ["青い部品"]


@pytest.mark.parametrize(
    ("row", "place", "why"),
    [
        ("http://example.com/,5,,", "t:2:2", "no rating of SafetyOnline2"),
        ("http://example.com/,2.5,,", "t:2:2", "no rating of SafetyOnline2"),
        ("http://example.com/,lv=x,,", "t:2:2", "no ratings: x where a number should stand"),
        ("http://example.com/,lv=1) r (n=1,,", "t:2:2", "no ratings: text behind their end"),
        ("http://example.com/,,,", "t:2:2", "a row without a rating"),
        (",1,,", "t:2:1", "a row without a URL"),
        ("nothing,1,,", "t:2:1", "no URL that a browser opens"),
        ("javascript:alert(1),1,,", "t:2:1", "no URL that a browser opens"),
        ("http://example.com/,1,maybe,", "t:2:3", "generic is neither yes nor no"),
        ("http://example.com/,1,,tomorrow", "t:2:4", "until is no date"),
        ("http://example.com/,1,,20261128", "t:2:4", "until is no date"),
        ("http://example.com/,1,,2026-02-30", "t:2:4", "until is no date"),
        ('"http://example.com/,1,,', "t:2:1", "a quote that is not closed"),
        ('"a"b,1,,', "t:2:1", "no row of a table: ',' expected after '\"'"),
        ("http://example.com/\0,1,,", "t:2:20", "a NUL, which is in no text"),
        ("x" * 70_000, "t:2:65537", "a line of more than 65,536 bytes"),
    ],
)
def test_a_bad_row_is_named_with_its_cell_and_costs_no_other(read, row, place, why):
    labels, notes = read(f"url,rating,generic,until\n{row}\nhttp://example.org/,1,,\n")
    assert [label.for_ for _, label in labels] == ["http://example.org/"]
    assert notes == [(place, "bad", why)]


def test_bytes_that_are_no_text_cost_their_line(read):
    labels, notes = read("url,rating,comment\nexample.com,1,é\nexample.net,1,".encode() + b"\xff\nexample.org,1,\n")
    assert [label.for_ for _, label in labels] == ["http://example.com", "http://example.org"]
    assert notes == [("t:3:15", "bad", "bytes that are neither UTF-8 nor CP932")]


def test_utf_16_and_a_table_without_its_columns_are_refused(read):
    with pytest.raises(RuleError, match="UTF-16"):
        read("url,rating\n".encode("utf-16"))
    with pytest.raises(RuleError, match="which columns are URL and rating"):
        read("example.com,3\n")


def test_categories_give_ratings_and_axes_are_told(read):
    labels, notes = read("url,category\nexample.com,gambling\nexample.net,malware\nexample.org,nonsense\n")
    assert [(label.for_, label.ratings) for _, label in labels] == [("http://example.com", (("lv", 3),))]
    assert notes == [
        ("t:3:2", "left", "the category 'malware' is no rating but security"),
        ("t:4:2", "bad", "no category 'nonsense'"),
    ]


def test_a_number_alone_is_of_safetyonline2(read):
    _, notes = read("url,rating\nexample.com,3\n", Meaning(service=RSAC))
    assert notes == [("t:2:2", "bad", "a number alone, of another service than SafetyOnline2")]


def test_columns_that_are_not_read_are_told(read):
    _, notes = read("url,colour,rating,lv\nexample.com,blue,1,2\n")
    assert notes == [
        ("t:1:2", "part", "a column that is not read"),
        ("t:1:4", "part", "a second column for rating"),
    ]


def test_a_table_is_told_by_its_first_row():
    assert is_label_table("\ufeffURL;レベル\r\n".encode())
    assert is_label_table("サイト,評価\n".encode("cp932"))
    assert not is_label_table(b"url,colour\n")
    assert not is_label_table(b"example.com,3\n")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "''", "＝1+1", "'x"])
def test_no_cell_is_a_formula(text):
    written = write_cell(text)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\N{FULLWIDTH EQUALS SIGN}"))
    assert read_cell(written) == text


@given(st.text())
def test_cells_read_back(text):
    assert read_cell(write_cell(text)) == text


@given(st.binary(max_size=300))
def test_any_bytes_give_rows_or_notes_with_places(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "t.csv"
    path.write_bytes(b'url,rating\n"a\nb",1\n' + data)
    notes = []
    try:
        rows = list(rows_of(path, "t", notes.append))
    except RuleError as fault:
        assert fault.where is not None
        return
    assert all(row.line > 0 for row in rows)
    assert all(note.where.line for note in notes)
