"""What a page says of itself. The cases of the reference are data: tests/vectors/pics/README.md."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.pics.selflabels import MAX_PICS, MAX_SOURCES, SHOWN, SelfLabel, read_self_labels
from sfs.text.charset import decode_html
from sfs.text.metadata import Meta, head_from_html
from sfs.text.url import parse_url

VECTORS = Path(__file__).parents[1] / "vectors" / "pics" / "selflabels"
CASES = sorted(path for path in VECTORS.glob("*.json") if not path.with_suffix(".xml").exists())
NOW = datetime(2026, 11, 22, tzinfo=UTC)
URL = "http://h.example/"
SO2 = "http://www.iajapan.org/rating/"


def pics(rating: int) -> str:
    return f'(PICS-1.1 "{SO2}" l r (lv {rating}))'


def meta(name: str, content: str) -> tuple[SelfLabel, ...]:
    return read_self_labels([Meta("name", name, content)], [], URL, NOW)


def header(name: str, value: str) -> tuple[SelfLabel, ...]:
    return read_self_labels([], [(name, value)], URL, NOW)


def ratings(labels: tuple[SelfLabel, ...]) -> list[int]:
    return [label.rating for label in labels]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_page_says_of_itself_what_the_vector_says(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    page = path.with_suffix(".html")
    content_type = next((value for name, value in case["headers"] if name == "content-type"), None)
    text = decode_html(page.read_bytes(), content_type).text if page.exists() else ""
    labels = read_self_labels(head_from_html(text).metas, [tuple(pair) for pair in case["headers"]], case["url"], NOW)
    shown = [{"rating": x.rating, "kind": x.kind, "weak": x.weak, "service": x.service} for x in labels]
    assert shown == case["labels"]
    rating = max(ratings(labels), default=None)
    assert rating == case["rating"]
    if "database" in case:  # over the sources the highest holds, so a page cannot lower what others say
        assert max(case["database"], *ratings(labels)) == case["together"]


@pytest.mark.parametrize(
    ("content", "rating"),
    [
        ("adult", 4),
        (" Adult ", 4),
        ("RESTRICTED", 4),
        ("x", 4),
        ("mature", 3),
        ("mature, adult", 4),
        ("R", 3),
        ("PG-13", 2),
        ("over 13", 2),
        ("over 18", 3),
        ("16+", 2),
        ("16 +", 2),
        ("18 years and older", 3),
        ("ages 7+", 1),
        ("safe  for\nkids", 0),
        ("general", 0),
        ("PG", 0),
        ("3+", 0),
        ("4.5", None),
        ("4.5 of 5", None),
        ("adults and their children", None),
        ("1000+", None),
        ("", None),
    ],
)
def test_rating_words_as_meta_and_as_header(content: str, rating: int | None) -> None:
    expected = [] if rating is None else [SelfLabel(rating, "rating", rating == 0, " ".join(content.split()))]
    assert list(meta("rating", content)) == expected
    assert list(header("rating", content)) == expected
    assert list(header("x-rating", content)) == expected


def test_rta_token_counts_anywhere_in_the_value() -> None:
    assert meta("rating", "general; RTA-5042-1996-1400-1577-RTA") == (
        SelfLabel(4, "rta", False, "general; RTA-5042-1996-1400-1577-RTA"),
        SelfLabel(0, "rating", True, "general; RTA-5042-1996-1400-1577-RTA"),
    )
    assert meta("description", "RTA-5042-1996-1400-1577-RTA") == ()


@pytest.mark.parametrize(
    ("name", "content", "rating"),
    [
        ("og:restrictions:age", "18+", 3),
        ("og:restrictions:age", " 13 ", 2),
        ("og:restrictions:age", "adults", None),
        ("og:restrictions:content", "Alcohol", 1),
        ("og:restrictions:content", "tobacco, alcohol", 1),
        ("og:restrictions:content", "tobacco", None),
        ("age-de-meta-label", "age=0 info=www.h.example/age-de.xml v=1.0 protocol=https", 0),
        ("age-meta-label", "age=18", 3),
        ("age-de-meta-label", "age=six", None),
        ("age-de-meta-label", "garage=18", None),
    ],
)
def test_ages_and_contents(name: str, content: str, rating: int | None) -> None:
    assert ratings(meta(name, content)) == ([] if rating is None else [rating])


def test_age_label_is_read_as_a_header_too() -> None:
    assert header("age-de-meta-label", "age=16 v=1.0") == (SelfLabel(2, "age-de", False, "age=16 v=1.0"),)
    assert header("og:restrictions:age", "18+") == ()


def test_pics_is_read_from_http_equiv_and_from_name() -> None:
    for attribute in ("http-equiv", "name"):
        labels = read_self_labels([Meta(attribute, "pics-label", pics(2))], [], URL, NOW)
        assert labels == (SelfLabel(2, "pics-meta", False, pics(2), SO2),)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pics(3), [3]),
        (f'(PICS-1.1\r\n "{SO2}"\r\n\tl r (lv 3))', [3]),
        (f"{pics(1)}, {pics(3)}", [1, 3]),
        (f"{pics(1)},{pics(0)} , (PICS-1.1 broken), {pics(2)}", [1, 0, 2]),
        (f'(PICS-1.1 "{SO2}" l comment "a), (b" r (lv 3))', [3]),
        (f'(PICS-1.1 "{SO2}" r (lv 3))', [3]),
        (f'(PICS-1.1 "{SO2}" l gen true r (lv 3))', [3]),
        (f"(PICS-1.1 '{SO2}' l r (lv 3))", [3]),
        (f'(PICS-1.1 "{SO2}" l r (lv 3)', []),
        ('(PICS-1.1 "http://unknown.example/" l r (lv 3))', []),
        (f'(PICS-1.1 "{SO2}" l for "http://other.example/" r (lv 3))', []),
        ("general", []),
    ],
)
def test_pics_header_folded_joined_or_malformed(value: str, expected: list[int]) -> None:
    assert ratings(header("pics-label", value)) == expected


def test_zero_of_a_mended_label_is_weak() -> None:
    assert [label.weak for label in header("pics-label", pics(0))] == [False]
    assert [label.weak for label in header("pics-label", f'(PICS-1.1 "{SO2}" r (lv 0))')] == [True]


def test_several_headers_of_one_name_are_read_apart() -> None:
    assert ratings(read_self_labels([], [("pics-label", pics(1)), ("pics-label", pics(2))], URL, NOW)) == [1, 2]


def test_page_without_a_parsable_url_speaks_by_labels_without_for() -> None:
    labels = [
        Meta("name", "pics-label", pics(2)),
        Meta("name", "pics-label", pics(4).replace(" l ", ' l for "http://h.example/" ')),
    ]
    assert ratings(read_self_labels(labels, [], "no url", NOW)) == [2]
    assert ratings(read_self_labels(labels, [], parse_url(URL), NOW)) == [2, 4]


def test_sources_and_texts_are_bounded() -> None:
    metas = [Meta("name", "description", "x")] * 500 + [Meta("name", "rating", "adult")] * 500
    assert len(read_self_labels(metas, [("rating", "adult")], URL, NOW)) == MAX_SOURCES + 1
    assert len(meta("rating", "adult" + "," * 5000)[0].text) == SHOWN
    assert meta("pics-label", pics(3) + " " * 65_536) == ()
    padded = Meta("name", "pics-label", pics(3) + " " * 20_000)
    assert len(read_self_labels([padded] * 60, [], URL, NOW)) == MAX_PICS // len(padded.content)


_names = st.sampled_from(
    ["pics-label", "rating", "x-rating", "og:restrictions:age", "og:restrictions:content", "age-de-meta-label"]
)
_contents = st.one_of(
    st.text(max_size=80),
    st.lists(
        st.sampled_from(
            ["(", ")", '"', "PICS-1.1", f'"{SO2}"', "l", "r", "(lv 3)", ",", "\r\n ", "age=", "18", "\ud800"]
        ),
        max_size=14,
    ).map(" ".join),
)


@given(
    st.lists(st.builds(Meta, st.sampled_from(["name", "http-equiv", "property"]), _names, _contents), max_size=4),
    st.lists(st.tuples(_names, _contents), max_size=4),
    st.one_of(st.just(URL), st.text(max_size=20)),
)
def test_any_page_gives_ratings_of_the_scale(metas: list[Meta], headers: list[tuple[str, str]], url: str) -> None:
    labels = read_self_labels(metas, headers, url, NOW)
    assert all(0 <= label.rating <= 4 and len(label.text) <= SHOWN for label in labels)
    assert all(label.rating == 0 for label in labels if label.weak)


@given(st.lists(st.builds(Meta, st.just("name"), _names, _contents), max_size=4), _names, _contents)
def test_one_more_meta_never_lowers_what_the_page_says(metas: list[Meta], name: str, content: str) -> None:
    before = read_self_labels(metas, [], URL, NOW)
    after = read_self_labels([*metas, Meta("name", name, content)], [], URL, NOW)
    assert after[: len(before)] == before
