"""What is exported reads back as the same labels, whatever stands in them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.bureau.exporting import write_lists, write_table
from sfs.bureau.importing.label_lists import read_label_lists
from sfs.bureau.importing.meaning import Meaning
from sfs.bureau.importing.tables import read_table
from sfs.pics.labels import parse_label_list
from sfs.pics.safetyonline import SERVICE
from sfs.pics.stored import StoredLabel
from sfs.pics.values import Span
from sfs.sources.labels import LabelStore

OTHER = "http://ratings.example.com/v1"
WORDS = "blue widget 青い部品 =+-@'\"\\%,;()\t\n"
# As the store keeps them: without blanks around.
TEXTS = (
    st.text(st.sampled_from(WORDS) | st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
    .map(str.strip)
    .filter(bool)
)
MOMENTS = st.datetimes(datetime(1995, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(
    lambda moment: moment.replace(microsecond=0)
)
NUMBERS = st.integers(-9, 9) | st.floats(-1000, 1000, width=32)
SPANS = st.tuples(NUMBERS, NUMBERS).map(lambda pair: Span(float(min(pair)), float(max(pair))))
VALUES = NUMBERS.map(float) | st.lists(NUMBERS.map(float) | SPANS, max_size=3).map(tuple)
NAMES = st.sampled_from(["n", "s", "ss~~000", "color/hue", "v"])
RATINGS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=3).map(lambda found: tuple(found.items()))
PATHS = st.sampled_from(["", "/", "/a/", "/a?q=1&b='x'", "/%22q%22", "/a;b=(c)", "/日本", "/$x"])


@st.composite
def labels(draw):
    own = draw(st.booleans())
    path = draw(PATHS)
    generic = draw(st.booleans())
    return StoredLabel(
        SERVICE if own else OTHER,
        f"http://{draw(st.sampled_from(['example.com', 'h.test', '192.0.2.1', '[2001:db8::1]:8080']))}{path}",
        (("lv", float(draw(st.integers(0, 4)))),) if own else draw(RATINGS),
        generic,
        generic and path == "" and draw(st.booleans()),
        draw(st.none() | TEXTS),
        draw(st.none() | MOMENTS),
        draw(st.none() | MOMENTS),
        draw(st.none() | TEXTS),
        draw(st.none() | TEXTS),
    )


def read_back(folder, text, reader):
    path = folder / "exported"
    path.write_text(text, encoding="utf-8", newline="")
    notes = []
    found = [one.label for one in reader(path, notes.append)]
    assert notes == []
    return found


def from_table(path, noting):
    return read_table(path, "t", Meaning(source="not said"), {}, noting)


def from_lists(path, noting):
    return read_label_lists(path, "t", Meaning(source="not said"), noting)


@given(st.lists(labels(), max_size=6))
def test_a_table_reads_back_as_the_same_labels(tmp_path_factory, given_labels):
    text = "".join(write_table(given_labels))
    assert read_back(tmp_path_factory.mktemp("out"), text, from_table) == given_labels


@given(st.lists(labels(), max_size=6))
def test_label_lists_read_back_as_the_same_labels(tmp_path_factory, given_labels):
    text = "".join(write_lists(given_labels))
    found = read_back(tmp_path_factory.mktemp("out"), text, from_lists)
    assert found == [replace(label, for_=label.for_.replace("日本", "%E6%97%A5%E6%9C%AC")) for label in given_labels]


@pytest.mark.parametrize(("write", "read"), [(write_table, from_table), (write_lists, from_lists)])
def test_a_store_goes_through_a_file_into_another_store(tmp_path, write, read):
    first, second = LabelStore.open(tmp_path / "first.db"), LabelStore.open(tmp_path / "second.db")
    for store in (first, second):
        store.add_service(OTHER)
    japan = timezone(timedelta(hours=9))
    first.rate(
        [
            StoredLabel(SERVICE, "http://example.com", (("lv", 3),), True, True, source="ut1"),
            StoredLabel(SERVICE, "http://日本.test/青?a='b", (("lv", 0),), by="=cmd", comment='say "blue"\nwidget'),
            StoredLabel(OTHER, "http://h.test/a/", (("n", 2), ("s", (1.0, Span(2.0, 3.0)))), True),
            StoredLabel(SERVICE, "http://h.test/", (("lv", 1),), until=datetime(2030, 1, 1, tzinfo=japan)),
            *(StoredLabel(SERVICE, f"http://h.test/{n}", (("lv", n % 5),)) for n in range(250)),
        ],
        who="test",
    )
    second.rate(read_back(tmp_path, "".join(write(first.each())), read), who="test")
    assert list(second.each()) == list(first.each())
    first.close()
    second.close()


def test_lists_stay_within_what_any_pics_reader_takes():
    label = StoredLabel(SERVICE, "http://h.test/" + "a" * 900, (("lv", 1),), comment='"' * 2000)
    lines = "".join(write_lists([label] * 300)).splitlines()
    assert len(lines) > 3
    assert sum(len(parse_label_list(line).services[0].labels) for line in lines) == 300
