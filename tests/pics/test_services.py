"""Descriptions of rating services read and written. The cases of the spec are data: tests/vectors/pics/README.md."""

import json
import os
import re
from math import inf
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import LabelError
from sfs.pics.options import Extension
from sfs.pics.reader import decode_text
from sfs.pics.safetyonline import CATEGORY, MAX_RATING, SCALE, SERVICE, system_of
from sfs.pics.service_reader import MAX_RAT, parse_service
from sfs.pics.services import (
    LABEL_BUREAU,
    Category,
    Known,
    RatingService,
    Scale,
    ValueLabel,
    faults_of_ratings,
    write_service,
)
from sfs.pics.values import Span, Value
from tests.pics.spoiled import spoiled

VECTORS = Path(__file__).parents[1] / "vectors" / "pics" / "services"
SHIPPED = Path(__file__).parents[2] / "rules" / "ratings"
CASES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(VECTORS.glob("*.json"))}
VALID = [name for name, case in CASES.items() if "code" not in case]
MALFORMED = [name for name, case in CASES.items() if "code" in case]
CODES = {case["code"] for case in CASES.values() if "code" in case}


def _joined(base: str, icon: str | None) -> str | None:
    """An icon against its base, as the specification has it; None where no URL comes of it."""
    try:
        return None if icon is None else urljoin(base, icon)
    except ValueError:
        return None


def _bytes(name: str) -> bytes:
    return (VECTORS / f"{name}.rat").read_bytes()


@pytest.mark.parametrize("name", VALID)
def test_a_description_is_read_as_the_spec_says(name: str) -> None:
    case, service = CASES[name], parse_service(_bytes(name))
    assert {path: _shown(known) for path, known in service.known.items()} == case["categories"]
    assert service.service == case.get("service", "http://v.example/svc/")
    assert service.name == case.get("name", service.name)
    assert _joined(service.service, service.icon) == case.get("icon")
    assert _joined(service.system, service.categories[0].icon) == case.get("category icon")
    if "same as" in case:
        assert service == parse_service(_bytes(case["same as"]))


@pytest.mark.parametrize("name", VALID)
def test_a_description_survives_writing(name: str) -> None:
    service = parse_service(_bytes(name))
    assert parse_service(write_service(service)) == service


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_none_is_named_with_its_place(name: str) -> None:
    with pytest.raises(LabelError) as caught:
        parse_service(_bytes(name), "my.rat")
    assert caught.value.code == CASES[name]["code"]
    where = caught.value.where
    assert where is not None and where.file == "my.rat"
    if "at" in CASES[name]:
        assert [where.line, where.column] == CASES[name]["at"]


def test_an_error_is_a_sentence_with_a_mend() -> None:
    with pytest.raises(LabelError) as caught:
        parse_service(_bytes("R08"), "my.rat")
    assert str(caught.value) == "my.rat:4:47: a label for a value off the scale\n  mend: see min and max"


def test_text_and_parts_are_bounded() -> None:
    for text in (" " * (MAX_RAT + 1), _HEAD + '(category (transmit-as "a") ' + "(label (value 0))" * 4001 + "))"):
        with pytest.raises(LabelError) as caught:
            parse_service(text)
        assert caught.value.code == "E_LIMIT"


def test_bytes_are_utf_8_then_cp932_then_latin_1() -> None:
    text = "\ufeff名"
    assert decode_text(text.encode()) == "名"
    assert decode_text("名".encode("cp932")) == "名"
    assert decode_text(b"caf\xe9 \xfe") == "caf\xe9 \xfe"


def test_bureaus_that_a_service_names_are_known() -> None:
    text = _HEAD + f'(extension (optional "{LABEL_BUREAU}" "http://b.example/r"))(category (transmit-as "a")))'
    assert parse_service(text).bureaus == ("http://b.example/r",)


@pytest.mark.parametrize(
    ("ratings", "faults"),
    [
        ((("level", 0.0),), ()),
        ((("Level", 4.0),), ()),
        ((("level", (2.0,)),), ()),
        ((("level", 5.0),), ("level 5 is out of range: 0 to 4",)),
        ((("level", 0.5),), ("level 0.5 is no whole number",)),
        ((("level", 3.0),), ("level 3 has no name in the description",)),
        ((("level", ()),), ("level takes one value",)),
        ((("level", (Span(0, 1),)),), ("level takes one value, no range",)),
        ((("topic", (1.0, Span(2, 9))), ("topic/free", -7.5)), ()),
        ((("topic", ()),), ()),
        ((("topic", (Span(-2, 9),)),), ("topic -2 is out of range: 0 to +INF",)),
        ((("n", 1.0), ("level", 0.0)), ("n is no category of this service",)),
    ],
)
def test_ratings_are_held_against_the_scale(ratings: tuple[tuple[str, Value], ...], faults: tuple[str, ...]) -> None:
    text = _HEAD + (
        '(category (transmit-as "Level") (integer) (label-only) (min 0) (max 4)'
        "(label (value 0)) (label (value 1)) (label (value 2)) (label (value 4)))"
        '(category (transmit-as "topic") (multivalue) (min 0)'
        ' (category (transmit-as "free") (multivalue f) (min -INF))))'
    )
    assert faults_of_ratings(parse_service(text), ratings) == faults


# What ships


def test_the_description_of_safetyonline2_is_the_scale_we_rate_by() -> None:
    text = (SHIPPED / "SafetyOnline2.rat").read_bytes().decode("utf-8")
    service = parse_service(text)
    assert (service.service, list(service.known)) == (SERVICE, [CATEGORY])
    known = service.known[CATEGORY]
    assert known.scale == Scale(0, MAX_RATING, integer=True, label_only=True)
    assert [label.value for label in known.category.labels] == list(range(MAX_RATING + 1)) == list(range(len(SCALE)))
    for label, lines in zip(known.category.labels, SCALE, strict=True):
        assert label.name is not None and label.name.startswith(f"{label.value:.0f} ")
        assert label.description is not None and re.search("[ぁ-ん]", label.description)
        for line in lines.values():
            assert line in label.description.lower()
    assert not faults_of_ratings(service, ((CATEGORY, 4.0),)) and faults_of_ratings(service, ((CATEGORY, 5.0),))
    assert parse_service(write_service(service)) == service


def test_the_description_of_rsaci_is_the_system_we_map() -> None:
    service = parse_service((SHIPPED / "RSACi.rat").read_bytes())
    system = system_of(service.service)
    assert system is not None and system.name == service.name == "RSACi"
    assert set(service.known) == set(system.tables)
    for known in service.known.values():
        assert [label.value for label in known.category.labels] == [0, 1, 2, 3, 4]
    assert parse_service(write_service(service)) == service


# Properties

_HEAD = '((PICS-version 1.1)(rating-system "http://y.example/sys/")(rating-service "http://v.example/svc/")'
_texts = st.none() | st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), max_size=8)
_flags = st.none() | st.booleans()
_lows = st.none() | st.sampled_from([-inf, -3.0, 0.0])
_highs = st.none() | st.sampled_from([inf, 4.0, 9.5])
_extensions = st.lists(st.builds(Extension, st.just(False), st.sampled_from(["e", "f"])), max_size=2).map(tuple)


def _scales(flags: st.SearchStrategy[bool | None]) -> st.SearchStrategy[Scale]:
    return st.builds(Scale, _lows, _highs, flags, flags, flags, flags)


_labels = st.lists(st.builds(ValueLabel, st.sampled_from([0.0, 1.0, 4.0]), _texts, _texts, _texts), min_size=1).map(
    lambda found: tuple(found[:4])
)


def _categories(inner: st.SearchStrategy[Any] | None) -> st.SearchStrategy[tuple[Category, ...]]:
    one = st.builds(
        Category,
        st.from_regex(r"[a-z~0-9]{1,4}", fullmatch=True),
        _texts,
        _texts,
        _texts,
        _scales(_flags),
        _extensions,
        _labels,
        st.just(()) if inner is None else inner,
    )
    return st.lists(one, min_size=inner is not None, max_size=3, unique_by=lambda each: each.transmit).map(tuple)


_services = st.builds(
    RatingService,
    st.just("http://y.example/"),
    st.just("http://v.example/"),
    _categories(_categories(None)),
    _texts,
    _texts,
    _texts,
    _scales(_flags),
    _extensions,
    _extensions,
)
_SEEDS = [decode_text(_bytes(name)) for name in CASES]
_TOKENS = st.sampled_from(
    ["(", ")", '"', " ", "1", "-", "-INF", "category", "label", "(value 1)", "(transmit-as", '"a"', "\0", "日", "(min"]
)


@given(_services)
def test_every_description_survives_writing(service: RatingService) -> None:
    assert parse_service(write_service(service)) == service


@given(spoiled(_SEEDS, _TOKENS) | st.lists(_TOKENS, max_size=40).map(lambda parts: _HEAD + " ".join(parts)))
def test_any_text_gives_a_description_that_survives_writing_or_an_error(text: str) -> None:
    _either(text)


@given(st.data())
def test_cut_and_flipped_bytes_give_a_description_or_an_error(data: st.DataObject) -> None:
    raw = bytearray(_bytes(data.draw(st.sampled_from(list(CASES)))))
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    for _ in range(data.draw(st.integers(0, 3)) if raw else 0):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    _either(bytes(raw))


def _either(source: str | bytes) -> None:
    try:
        service = parse_service(source)
    except LabelError as error:
        assert error.code in CODES and error.where is not None
    else:
        assert parse_service(write_service(service)) == service


# W3C's own samples

_DATA = os.environ.get("SFS_TEST_DATA")


@pytest.mark.skipif(_DATA is None, reason="SFS_TEST_DATA does not name the folder of test data")
def test_the_sample_services_of_w3c_are_read_and_survive_writing() -> None:
    assert _DATA is not None
    text = (Path(_DATA) / "vectors" / "pics" / "w3c-services.rat").read_text("utf-8")
    services = [parse_service(part) for part in re.split(r"(?=\(\(PICS)", text) if part.strip()]
    assert [len(service.known) for service in services] == [6, 1, 4, 12]
    good, ages, rsac, safesurf = services
    assert good.known["color/hue"].scale == Scale(integer=True)
    assert good.known["subject"].scale == Scale(multivalue=True, unordered=True, label_only=True)
    assert good.known["color/intensity"].scale == Scale(0, 255, integer=True)
    assert _joined(good.service, good.icon) == "http://www.gcf.org/v1.0/icons/gcf.gif"
    assert ages.known["age"].scale == Scale(integer=True)
    assert rsac.known["l"].scale == Scale(label_only=True)
    assert [label.value for label in safesurf.known["ss~~00a"].category.labels] == [*range(1, 10)]
    for service in services:
        assert parse_service(write_service(service)) == service


def _shown(known: Known) -> dict[str, Any]:
    """A category in the notation of the vectors: what is said of its scale, and the values of its labels."""
    scale = known.scale
    said = {
        "min": scale.minimum,
        "max": scale.maximum,
        "multivalue": scale.multivalue,
        "unordered": scale.unordered,
        "integer": scale.integer,
        "label-only": scale.label_only,
    }
    return {key: value for key, value in said.items() if value is not None} | {
        "labels": [label.value for label in known.category.labels]
    }
