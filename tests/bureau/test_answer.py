"""Answers as text: what any PICS client reads, pure."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.bureau.answer import MAX_AGE, MAX_TEXT, Away, Labels, Trees, write_answer
from sfs.bureau.query import Format, Opt, Query, read_url
from sfs.pics.labels import LabelProblem, LabelTree, PicsLabel, parse_label_list
from sfs.pics.stored import StoredLabel
from sfs.pics.values import Span

S = "http://s.example/"
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LV2 = (("lv", 2.0),)


def query(*urls: str, opt: Opt = Opt.NORMAL, format_: Format = Format.FULL) -> Query:
    return Query(tuple(read_url(url.encode()) for url in urls), (), opt, format_)


def text(entry, url="http://h.example/a", format_=Format.MINIMAL) -> str:
    """The one entry of an answer for one URL."""
    part = Trees(S, [entry]) if isinstance(entry, list) else Labels(S, [entry])
    said = write_answer(query(url, format_=format_), [part], NOW).text
    assert said.startswith(f'(PICS-1.1 "{S}" l\n ') and said.endswith(")\n")
    return said.removeprefix(f'(PICS-1.1 "{S}" l\n ').removesuffix(")\n")


FULL = StoredLabel(
    S,
    "http://h.example/a",
    LV2,
    by='a "rater"',
    on=datetime(2026, 10, 1, tzinfo=timezone(timedelta(hours=9))),
    until=datetime(2026, 12, 1, tzinfo=UTC),
    comment="two\nlines",
    source="list",
)


def test_each_format_says_what_it_should():
    assert text(FULL) == "r (lv 2)"
    dates = 'on "2026.10.01T00:00+0900" until "2026.12.01T00:00+0000"'
    assert text(FULL, format_=Format.SHORT) == f"{dates} r (lv 2)"
    full = f'by "a \'rater\'" comment "two lines" {dates} r (lv 2)'
    assert text(FULL, format_=Format.FULL) == text(FULL, format_=Format.SIGNED) == full


def test_dates_have_the_21_characters_that_old_clients_read_and_none_ends_too_early():
    on, until = datetime(2026, 10, 1, 8, 15, 59, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    label = StoredLabel(S, "http://h.example/a", LV2, on=on, until=until)
    said = 'on "2026.10.01T08:15+0000" until "2027.01.01T00:00+0000" r (lv 2)'
    assert text(label, format_=Format.FULL) == said
    (whole,) = parse_label_list(f'(PICS-1.1 "{S}" l {said})', answer=True).services[0].labels
    assert whole.options.on <= on and whole.options.until >= until
    assert write_answer(query("http://h.example/a"), [Labels(S, [label])], until - timedelta(seconds=9)).max_age == 9


def test_a_service_is_named_as_it_was_asked_for():
    asked = Query(query("http://h.example/a").urls, ("https://s.example", "http://t.example"))
    told = write_answer(asked, [Labels(S, [FULL]), Away("http://t.example/")], NOW)
    said = parse_label_list(told.text, answer=True).services
    assert [one.service for one in said] == ["https://s.example", "http://t.example"]


def test_words_in_another_script_are_left_out():
    label = StoredLabel(S, "http://h.example/a", LV2, by="評価者", comment="よい")
    assert text(label, format_=Format.FULL) == "r (lv 2)"


@pytest.mark.parametrize(
    ("for_", "below", "url", "written"),
    [
        ("http://h.example/", False, "http://h.example/a", "http://h.example/"),
        ("http://h.example", False, "http://h.example/a", "http://h.example"),
        ("http://h.example/a/", False, "https://h.example/a/b", "https://h.example/a/"),
        ("https://h.example/a/", False, "http://h.example/a/b", "http://h.example/a/"),
        ("http://h.example/", False, "https://h.example/a", "https://h.example/"),
        ("http://h.example", False, "https://h.example:8443/a", "https://h.example:8443/"),
        ("http://example/", True, "http://deep.h.example/a", "http://deep.h.example/"),
        ("http://example", True, "https://example/a", "https://example/"),
        ("http://example/", True, "http://example/a", "http://example/"),
    ],
)
def test_the_prefix_of_a_generic_label_begins_the_url_that_was_asked(for_, below, url, written):
    label = StoredLabel(S, for_, LV2, generic=True, below=below)
    assert text(label, url) == f'gen true for "{written}" r (lv 2)'
    assert url.startswith(written)


def test_a_tree_names_every_label_whole():
    labels = [StoredLabel(S, "http://h.example/", LV2, generic=True), StoredLabel(S, "http://h.example/a", LV2)]
    assert text(labels) == '(gen true for "http://h.example/" r (lv 2) for "http://h.example/a" r (lv 2))'
    assert text([]) == 'error (not-labeled "http://h.example/a")'


def test_a_tree_that_is_too_large_is_denied_not_cut():
    answer = write_answer(query("http://h.example/"), [Trees(S, [None])], NOW)
    assert 'error (request-denied "http://h.example/" "too many labels for one answer")' in answer.text
    long = [StoredLabel(S, f"http://h.example/{'a' * 60_000}", LV2) for _ in range(MAX_TEXT // 60_000)]
    answer = write_answer(query("http://h.example/", "http://h.example/b"), [Trees(S, [long, long])], NOW)
    (service,) = parse_label_list(answer.text, answer=True).services
    assert isinstance(service.labels[0], LabelTree) and isinstance(service.labels[1], LabelProblem)


def test_a_value_without_notation_is_denied_not_left_out():
    for number in (float("inf"), float("nan"), 5e-324):
        label = StoredLabel(S, "http://h.example/a", (("lv", number),))
        assert text(label) == 'error (request-denied "http://h.example/a" "the label cannot be written")'


def test_several_values_and_ranges():
    label = StoredLabel(S, "http://h.example/a", (("a", (1.0, Span(2.0, 4.0))), ("b", ()), ("c", 0.5)))
    assert text(label) == "r (a (1 2:4) b () c 0.5)"


def test_every_service_has_its_place_whatever_is_wrong_with_it():
    label = StoredLabel(S, "http://h.example/a", LV2)
    parts = [None, Away("http://away.example/"), Labels(S, [label, None])]
    answer = write_answer(query("http://h.example/a", "mailto:x@example.com"), parts, NOW)
    unknown, away, ours = parse_label_list(answer.text).services
    assert unknown.problem == LabelProblem("no-ratings", ("unknown service",))
    assert away.service == "http://away.example/" and away.problem.code == "service-unavailable"
    assert isinstance(ours.labels[0], PicsLabel) and ours.labels[1].code == "not-labeled"
    assert (answer.entries, answer.found, answer.unknown, answer.away, answer.max_age) == (2, 1, 1, 1, 0)


def test_a_bureau_without_services_says_so():
    assert write_answer(query("http://h.example/"), [], NOW).text == '(PICS-1.1 error (no-ratings "unknown service"))\n'


@pytest.mark.parametrize(("seconds", "age"), [(None, MAX_AGE), (10, 10), (MAX_AGE + 1, MAX_AGE), (0.9, 0), (-5, 0)])
def test_nobody_keeps_an_answer_longer_than_its_first_label_holds(seconds, age):
    until = None if seconds is None else NOW + timedelta(seconds=seconds)
    labels = [FULL, StoredLabel(S, "http://h.example/b", LV2, until=until)]
    urls = query("http://h.example/a", "http://h.example/b")
    assert write_answer(urls, [Labels(S, labels)], NOW).max_age == age


printable = st.text(max_size=20)
stored = st.builds(
    StoredLabel,
    service=st.just(S),
    for_=st.one_of(st.just("http://h.example/"), printable.map(lambda text: f"http://h.example/{text}")),
    ratings=st.dictionaries(st.sampled_from("abc"), st.floats(-9, 9).map(lambda x: round(x, 6)), min_size=1).map(
        lambda ratings: tuple(ratings.items())
    ),
    generic=st.booleans(),
    below=st.booleans(),
    by=st.none() | printable,
    on=st.none() | st.datetimes(timezones=st.just(UTC)),
    until=st.none() | st.datetimes(timezones=st.just(UTC)),
    comment=st.none() | printable,
)


@given(
    st.lists(st.none() | stored, min_size=1, max_size=5),
    st.lists(st.none() | st.lists(stored, max_size=3), max_size=5),
    st.sampled_from(Format),
)
def test_whatever_is_stored_the_answer_parses_and_keeps_every_place(labels, trees, format_):
    trees = (trees + [[]] * len(labels))[: len(labels)]
    asked = query(*["http://h.example/%22x"] * len(labels), format_=format_)
    answer = write_answer(asked, [Labels(S, labels), Trees(S, trees)], NOW)
    assert answer.text.isascii()
    first, second = parse_label_list(answer.text, answer=True).services
    assert len(first.labels) == len(second.labels) == len(labels)
    for label, read in zip(labels, first.labels, strict=True):
        assert isinstance(read, PicsLabel) == (label is not None)
        if label is not None:
            assert read.ratings == tuple((name, value + 0.0) for name, value in label.ratings)
            assert bool(read.options.generic) == label.generic
