"""Which labels of a list count for a URL, and what they say together."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import UrlError
from sfs.pics.coverage import covers
from sfs.pics.judge import effective_options, judge_labels, usable
from sfs.pics.labels import LabelList, parse_label_list
from sfs.pics.options import parse_date
from sfs.text.url import name_url, parse_url

VALID = Path(__file__).parents[1] / "vectors" / "pics" / "valid"
JUDGED = [
    pytest.param(path.with_suffix(".txt"), judged, id=f"{path.stem}-{judged['url']}-{judged['now']}")
    for path in sorted(VALID.glob("*.json"))
    for judged in json.loads(path.read_text("utf-8")).get("judged", [])
]
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SO2 = "http://www.iajapan.org/rating/"
RSACI = "http://www.rsac.org/ratingsv01.html"


def label_list_rating(label_list: LabelList, url: str, now: datetime, document: bool = True) -> int | None:
    try:
        target = parse_url(url)
    except UrlError:
        target = None
    answer = judge_labels(label_list, target, now, document=document)
    return answer.rating if answer else None


def so2(labels: str, options: str = "") -> LabelList:
    return parse_label_list(f'(PICS-1.1 "{SO2}" {options} l {labels})')


@pytest.mark.parametrize(("path", "judged"), JUDGED)
def test_list_says_of_a_url_what_the_vector_says(path: Path, judged: dict[str, Any]) -> None:
    label_list = parse_label_list(path.read_bytes().decode("utf-8"))
    now = parse_date(judged["now"])
    assert now is not None
    assert label_list_rating(label_list, judged["url"], now) == judged["rating"]
    options = [effective_options(service, label) for service in label_list.services for label in service.each_label()]
    about = [o for o in options if usable(o, now) and covers(o.for_, bool(o.generic), judged["url"])]
    assert len(about) == judged["usable"]


@pytest.mark.parametrize(
    ("labels", "rating"),
    [
        # Specific beats generic, whichever is stricter.
        ('gen true for "http://h.example/" r (lv 4) for "http://h.example/a/b" r (lv 1)', 1),
        ('gen true for "http://h.example/" r (lv 0) r (lv 3)', 3),
        # Among generic labels the longest prefix holds.
        ('gen true for "http://h.example/a" r (lv 1) gen true for "http://h.example" r (lv 4)', 1),
        ('gen true for "http://h.example/a/" r (lv 4) gen true for "https://h.example/a/b" r (lv 0)', 0),
        # Then the newest, then the strictest.
        ('on "2001.01.01T00:00+0000" r (lv 1) on "2000.01.01T00:00+0000" r (lv 4) r (lv 3)', 1),
        ('on "2001.01.01T00:00+0900" r (lv 1) on "2000.12.31T16:00+0000" r (lv 2)', 2),
        ("r (lv 1) r (lv 3) r (lv 2)", 3),
        # Labels that say nothing on our scale stand in nobody's way.
        ('gen true for "http://h.example/" r (lv 2) r (lv ())', 2),
        # A tree's labels are labels.
        ('(gen true for "http://h.example/" r (lv 2) for "http://h.example/a/b" r (lv 1))', 1),
        ('for "http://other.example/a/b" r (lv 4)', None),
        ("error (not-labeled)", None),
    ],
)
def test_one_label_of_a_service_holds(labels: str, rating: int | None) -> None:
    assert label_list_rating(so2(labels), "http://h.example/a/b", NOW) == rating


def test_over_the_services_the_highest_rating_holds() -> None:
    text = f'(PICS-1.1 "{SO2}" l r (lv 1) "{RSACI}" l r (n 3) "http://unknown.example/" l r (lv 4))'
    answer = judge_labels(parse_label_list(text), parse_url("http://h.example/"), NOW)
    assert answer is not None
    assert (answer.rating, answer.service) == (3, RSACI)


def test_expired_and_void_labels_are_as_if_not_there() -> None:
    assert label_list_rating(so2('until "2026.11.21T23:59+0000" r (lv 4) r (lv 1)'), "http://h.example/", NOW) == 1
    assert label_list_rating(so2('until "2026.11.22T09:00+0900" r (lv 4)'), "http://h.example/", NOW) == 4
    mandatory = 'extension (mandatory "http://e.example/")'
    assert label_list_rating(so2(f"{mandatory} r (lv 4) r (lv 1)"), "http://h.example/", NOW) == 1
    assert label_list_rating(so2("r (lv 4)", mandatory), "http://h.example/", NOW) is None
    assert (
        label_list_rating(so2(f"{mandatory.replace('mandatory', 'optional')} r (lv 4)"), "http://h.example/", NOW) == 4
    )
    # A label cannot take back what its service declared mandatory.
    assert (
        label_list_rating(so2('extension (optional "http://e.example/") r (lv 4)', mandatory), "http://h.example/", NOW)
        is None
    )


def test_defaults_of_the_service_reach_each_of_its_labels() -> None:
    label_list = so2('r (lv 3) for "http://h.example/b" gen f r (lv 1)', 'gen t for "http://h.example/a/"')
    assert label_list_rating(label_list, "http://h.example/a/x", NOW) == 3
    assert label_list_rating(label_list, "http://h.example/b", NOW) == 1
    assert label_list_rating(label_list, "http://h.example/", NOW) is None


def test_list_that_did_not_come_with_the_document_needs_a_for() -> None:
    assert label_list_rating(so2("r (lv 3)"), "http://h.example/", NOW, document=False) is None
    assert label_list_rating(so2('for "http://h.example/" r (lv 3)'), "http://h.example/", NOW, document=False) == 3


def test_answer_tells_what_it_rests_on() -> None:
    label_list = so2(
        'gen true for "http://h.example/a/" by "a rater" on "2026.01.01T00:00+0000"'
        ' until "2027.01.01T00:00+0000" r (lv 3)'
        ' gen true for "http://h.example" until "2026.12.01T00:00+0000" r (lv 1)'
    )
    answer = judge_labels(label_list, parse_url("http://h.example/a/b"), NOW)
    assert answer is not None
    assert (answer.rating, answer.generic, answer.for_, answer.by) == (3, True, "http://h.example/a/", "a rater")
    assert answer.below_root
    assert answer.every_form
    assert answer.on == datetime(2026, 1, 1, tzinfo=UTC)
    # What was passed over may count once the label that beat it ends, and the other way round: the earliest end.
    assert answer.valid_until == datetime(2026, 12, 1, tzinfo=UTC)


def test_answer_tells_a_whole_host_label_from_one_below() -> None:
    for labels, below in (
        ('gen true for "http://h.example" r (lv 1)', False),
        ('gen true for "http://h.example/" r (lv 1)', False),
        ('for "http://h.example/" r (lv 1)', True),
    ):
        answer = judge_labels(so2(labels), parse_url("http://h.example/"), NOW)
        assert answer is not None
        assert answer.below_root == below


def test_of_a_host_alone_only_whole_host_labels_speak() -> None:
    label_list = so2('gen true for "http://h.example" r (lv 2) for "http://h.example/" r (lv 4)')
    answer = judge_labels(label_list, name_url("h.example"), NOW, document=False)
    assert answer is not None
    assert (answer.rating, answer.below_root) == (2, False)


def test_low_rating_that_one_form_of_the_url_lacks_is_marked() -> None:
    label_list = so2('gen true for "http://h.example/kids/" r (lv 0)')
    for url, every in (
        ("http://h.example/kids/a", True),
        ("http://h.example/kids/a;b=1/c?x=a+b", True),
        ("http://h.example/kids/%2e%2e%2fadult", False),
        ("http://h.example/kids/..;/adult", False),
    ):
        answer = judge_labels(label_list, parse_url(url), NOW)
        assert answer is not None
        assert answer.every_form == every


def test_high_rating_counts_in_whichever_form_it_is_found() -> None:
    label_list = so2('gen true for "http://h.example/adult/" r (lv 4) gen true for "http://h.example/" r (lv 0)')
    assert label_list_rating(label_list, "http://h.example/%61dult/", NOW) == 4
    assert label_list_rating(label_list, "http://h.example/x%2f..%2fadult/", NOW) == 4
    assert label_list_rating(label_list, "http://h.example/x/..;/adult/", NOW) == 4
    assert label_list_rating(label_list, "http://h.example/%u0061dult/", NOW) == 4


def test_a_label_is_read_as_its_url_is() -> None:
    for page in ("a;b", "s?q=a+b", "%93%FA%8B%4C/"):
        label_list = so2(f'for "http://h.example/{page}" r (lv 1)')
        answer = judge_labels(label_list, parse_url(f"http://h.example/{page}"), NOW)
        assert answer is not None
        assert answer.every_form, page


_labels = st.lists(
    st.sampled_from(
        [
            "r (lv 0)",
            "r (lv 3)",
            'for "http://h.example/a" r (lv 1)',
            'gen t for "http://h.example" r (lv 2)',
            'gen t for "http://h.example/a" until "2020.01.01T00:00+0000" r (lv 4)',
            'on "0001.01.01T00:00+2359" r (lv 2)',
            'on "9999.12.31T23:59-2359" until "9999.12.31T23:59-2359" r (lv 1)',
            'until "0001.01.01T00:00+2359" r (lv 4)',
            "error (not-labeled)",
        ]
    ),
    max_size=5,
)


@given(
    _labels,
    st.sampled_from(["http://h.example/a", "https://h.example/", "http://x.test/", "no url", "http://h.example/%61"]),
)
def test_order_of_labels_and_services_never_matters(labels: list[str], url: str) -> None:
    text = f'(PICS-1.1 "{SO2}" l {{}} "{RSACI}" l r (n 1))'
    forward = label_list_rating(parse_label_list(text.format(" ".join(labels))), url, NOW)
    backward = label_list_rating(parse_label_list(text.format(" ".join(reversed(labels)))), url, NOW)
    assert forward == backward
    assert forward is not None
