"""Label lists read and written. The cases of the spec are data: tests/vectors/pics/README.md."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import LabelError
from sfs.pics.labels import (
    MAX_TEXT,
    LabelList,
    LabelProblem,
    LabelTree,
    PicsLabel,
    ServiceInfo,
    parse_label_list,
    write_label_list,
)
from sfs.pics.options import Extension, Options, parse_date, write_date
from sfs.pics.reader import decode_text
from sfs.pics.values import Span, Value, write_number
from tests.pics.spoiled import spoiled

VECTORS = Path(__file__).parents[1] / "vectors" / "pics"
VALID = sorted(path.stem for path in (VECTORS / "valid").glob("*.json"))
MALFORMED = sorted(path.stem for path in (VECTORS / "malformed").glob("*.json"))
CODES = {json.loads(path.read_text("utf-8"))["strict"] for path in (VECTORS / "malformed").glob("*.json")} | {
    "E_LIMIT",  # ours: text, depth or number of labels past the bound
    "E_OPTVALUE",
}
START = '(PICS-1.1 "http://s.example/" l '


def _text(folder: str, name: str) -> str:
    return (VECTORS / folder / f"{name}.txt").read_bytes().decode("utf-8")


def _case(folder: str, name: str) -> Any:
    return json.loads((VECTORS / folder / f"{name}.json").read_text("utf-8"))


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("lenient", [False, True])
def test_valid_list_gives_its_tree(name: str, lenient: bool) -> None:
    parsed = parse_label_list(_text("valid", name), lenient=lenient)
    assert tree_of(parsed) == canonical(_case("valid", name)["services"])
    assert parsed.repairs == ()


@pytest.mark.parametrize("name", VALID)
def test_valid_list_survives_writing(name: str) -> None:
    parsed = parse_label_list(_text("valid", name))
    assert parse_label_list(write_label_list(parsed)) == parsed


@pytest.mark.parametrize("name", MALFORMED)
def test_strict_reader_names_what_is_wrong_and_where(name: str) -> None:
    with pytest.raises(LabelError) as caught:
        parse_label_list(_text("malformed", name))
    assert caught.value.code == _case("malformed", name)["strict"]
    assert caught.value.where is not None
    assert caught.value.mend


@pytest.mark.parametrize("name", MALFORMED)
def test_lenient_reader_mends_what_live_pages_get_wrong(name: str) -> None:
    expected = _case("malformed", name)["lenient"]
    if isinstance(expected, str):
        with pytest.raises(LabelError) as caught:
            parse_label_list(_text("malformed", name), lenient=True)
        assert caught.value.code == expected
    else:
        parsed = parse_label_list(_text("malformed", name), lenient=True)
        assert tree_of(parsed) == canonical(expected)
        assert parsed.repairs


def test_error_gives_line_and_column_from_one() -> None:
    with pytest.raises(LabelError) as caught:
        parse_label_list('(PICS-1.1\n "http://s.example/" l\r\n  r (a high))')
    assert str(caught.value) == "label list:3:8: high where a number should stand\n  mend: write digits"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('(PICS-1.1 "http://s.example/" error (not-labeled))', "E_ERRORCODE"),
        (START + 'error (service-unavailable "x"))', "E_ERRORCODE"),
        (START + "error not-labeled)", "E_ERRORCODE"),
        (START + "error (not-labeled x))", "E_OPTVALUE"),
        (START + "(r (a 1) (r (a 1))))", "E_RATINGS"),
        (START + "(error (not-labeled)))", "E_RATINGS"),
        (START + 'r ("a" 1))', "E_RATINGS"),
        (START + "r a 1)", "E_RATINGS"),
        (START + "r (a\x01 1))", "E_RATINGS"),
        (START + "r (a (1 (2))))", "E_NUMBER"),
        (START + "r (a (1:)))", "E_NUMBER"),
        (START + "r (a (:1)))", "E_NUMBER"),
        (START + "r (a +INF))", "E_NUMBER"),
        (START + "r (a 1e3))", "E_NUMBER"),
        (START + f"r (a {'9' * 39}))", "E_NUMBER"),
        (START + "r (a ١))", "E_NUMBER"),
        (START + "r (a 1) by)", "E_OPTVALUE"),
        (START + 'gen t for "" r (a 1))', "E_GENERIC_NO_FOR"),
        (START + 'extension "http://e.example/" r (a 1))', "E_EXTENSION"),
        (START + "extension (optional e) r (a 1))", "E_EXTENSION"),
        (START + 'md5 "a" MIC-md5 "b" r (a 1))', "E_DUP_OPTION"),
        (START + 'extension (optional "e") extension (mandatory "e") r (a 1))', "E_DUP_OPTION"),
        (START + 'on "1994.13.05T08:15-0500" r (a 1))', "E_DATE"),
        (START + 'on "1994.11.05T08:15" r (a 1))', "E_DATE"),
        ("(PICS-1.1", "E_EOF"),
        (START + 'extension (optional "e" (', "E_EOF"),
        ("(PICS-1.1 'http://s.example/' l r (a 1))", "E_SERVICE"),
        ('(PICS-1.1 "http://s.example/" error service-unavailable)', "E_ERRORCODE"),
    ],
)
def test_further_faults_have_the_codes_of_the_spec_cases(text: str, code: str) -> None:
    assert code in CODES
    with pytest.raises(LabelError) as caught:
        parse_label_list(text)
    assert caught.value.code == code


def test_version_1_0_writes_service_unavailable_as_a_bare_word() -> None:
    parsed = parse_label_list('(PICS-1.0 "http://s.example/" error service-unavailable)')
    assert parsed.services == (ServiceInfo("http://s.example/", problem=LabelProblem("service-unavailable")),)
    assert parse_label_list(write_label_list(parsed)) == parsed


def test_single_quotes_count_only_leniently_and_where_no_double_quote_is() -> None:
    text = "(PICS-1.1 'http://s.example/' l by 'a b' r (a 1))"
    parsed = parse_label_list(text, lenient=True)
    assert parsed.services[0].labels == (PicsLabel((("a", 1.0),), Options(by="a b")),)
    assert parsed.repairs == ("single quotes read as double quotes",)
    with pytest.raises(LabelError):
        parse_label_list(text.replace("'a b'", '"a b"'), lenient=True)


def test_repairs_say_what_was_mended() -> None:
    parsed = parse_label_list('PICS-1.1 "http://s.example/" colour (1 ("x")) r (l4 a 1 a 2)', lenient=True)
    assert parsed.repairs == (
        "parentheses around the list supplied",
        "unknown option colour skipped",
        "word labels supplied",
        "l4: name and value taken apart",
        "a: larger of two values taken",
    )


def test_what_needs_too_many_repairs_is_no_label_list() -> None:
    assert len(parse_label_list(START + "x " * 100 + "r (a 1))", lenient=True).repairs) == 100
    with pytest.raises(LabelError) as caught:
        parse_label_list(START + "x " * 101 + "r (a 1))", lenient=True)
    assert caught.value.code == "E_OPTION"


def test_lenient_reader_never_looks_behind_the_list() -> None:
    assert parse_label_list(START + 'r (a 1)) , "never closed', lenient=True).repairs == (
        "text behind the list ignored",
    )


def test_inherited_generic_without_a_prefix_is_dropped_for_that_label_only() -> None:
    parsed = parse_label_list('(PICS-1.1 "s" gen t l r (a 1) for "http://h.example/" r (a 2))', lenient=True)
    first, second = parsed.services[0].each_label()
    assert first.options.over(parsed.services[0].options).generic is False
    assert second.options.over(parsed.services[0].options).generic is True


def test_white_space_may_stand_around_the_colon_of_a_range() -> None:
    parsed = parse_label_list(START + "r (a (1 : 2 3: 4 5 :6 7)))")
    assert next(parsed.services[0].each_label()).ratings == (("a", (Span(1, 2), Span(3, 4), Span(5, 6), 7.0)),)


def test_text_labels_and_depth_are_bounded() -> None:
    for text in (
        START + "r (a 1) " * 1000 + ")",
        "(PICS-1.1" + ' "s" l' * 1001 + ")",
        START + '(r (a 1)) by "x" extension (optional "e" ' + "(" * 40 + ")" * 41 + " r (a 1))",
        START + f'by "{"x" * MAX_TEXT}" r (a 1))',
    ):
        with pytest.raises(LabelError) as caught:
            parse_label_list(text)
        assert caught.value.code == "E_LIMIT"
    assert len(parse_label_list(START + "r (a 1) " * 999 + ")").services[0].labels) == 999


def test_service_options_are_defaults_that_a_label_overrides() -> None:
    service = parse_label_list(_text("valid", "L05")).services[0]
    first, second = (label.options.over(service.options) for label in service.each_label())
    assert (first.by, first.generic, first.for_) == ("a", True, "http://a.example/")
    assert (second.by, second.generic, second.for_) == ("b", False, "http://b.example/")


def test_a_mandatory_extension_stays_so_in_the_options_in_effect() -> None:
    mandatory, optional = Extension(True, "http://e.example/"), Extension(False, "http://e.example/")
    assert Options(extensions=(optional,)).over(Options(extensions=(mandatory,))).void
    assert Options(extensions=(mandatory,)).over(Options(extensions=(optional,))).void
    assert not Options(extensions=(optional,)).over(Options()).void


def test_date_counts_its_zone_backwards_to_utc() -> None:
    assert parse_date("1994.11.05T08:15-0500") == datetime(1994, 11, 5, 13, 15, tzinfo=UTC)
    assert parse_date("2030-01-01T00:00:00+0900") == datetime(2029, 12, 31, 15, 0, tzinfo=UTC)
    assert parse_date("2030-01-01T00:00:00.25+0000") == datetime(2030, 1, 1, microsecond=250000, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2030.01.01T00:00+2400",
        "2030.01.01T00:00+0960",
        "0000.01.01T00:00+0000",
        "2030.02.30T00:00+0000",
        "2030.01.01T24:00+0000",
        "2030.01.01 00:00+0000",
        "2030.01.01T00:00+0000\n",
        "２０３０.01.01T00:00+0000",
    ],
)
def test_what_is_no_date(text: str) -> None:
    assert parse_date(text) is None


def test_writer_refuses_what_pics_cannot_say() -> None:
    def one(ratings: tuple[tuple[str, Value], ...] = (("a", 1.0),), options: Options | None = None) -> LabelList:
        return LabelList((ServiceInfo("s", labels=(PicsLabel(ratings, options or Options()),)),))

    for broken in (
        one(options=Options(by='a "b"')),
        one((("a b", 1.0),)),
        one((("", 1.0),)),
        one((("a", float("inf")),)),
        one((("a", float("nan")),)),
    ):
        with pytest.raises(LabelError):
            write_label_list(broken)


def test_numbers_are_written_without_exponent_and_point() -> None:
    assert [write_number(n) for n in (1.0, 0.5, -2.0, 1e22, 1e-7)] == [
        "1",
        "0.5",
        "-2",
        "10000000000000000000000",
        "0.0000001",
    ]


# Properties

_strings = st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), max_size=12)
_numbers = st.one_of(st.integers(-9, 100).map(float), st.floats(-1e6, 1e6, width=32).map(lambda n: round(n, 3) + 0.0))
_spans = st.tuples(_numbers, _numbers).map(lambda pair: Span(min(pair), max(pair)))
_values = st.one_of(_numbers, st.lists(st.one_of(_numbers, _spans), max_size=3).map(tuple))
_names = st.from_regex(r"[a-z~/0-9+-]{1,8}", fullmatch=True)
_dates = st.datetimes(timezones=st.timezones().map(lambda _: UTC))
_options = st.builds(
    Options,
    at=st.none() | _dates,
    by=st.none() | _strings,
    comments=st.lists(_strings, max_size=2).map(tuple),
    complete_label=st.none() | _strings,
    extensions=st.lists(st.builds(Extension, st.booleans(), _strings), max_size=2, unique_by=lambda e: e.url).map(
        tuple
    ),
    for_=_strings.filter(bool),
    generic=st.none() | st.booleans(),
    mic_md5=st.none() | _strings,
    on=st.none() | _dates,
    signature=st.none() | _strings,
    until=st.none() | _dates,
)
_labels = st.builds(
    PicsLabel, st.dictionaries(_names, _values, min_size=1, max_size=3).map(lambda d: tuple(d.items())), _options
)
_args = st.lists(_strings, max_size=2).map(tuple)
_items = st.one_of(
    _labels,
    st.lists(_labels, max_size=2).map(lambda labels: LabelTree(tuple(labels))),
    st.builds(LabelProblem, st.sampled_from(["not-labeled", "request-denied"]), _args),
)
_services = st.one_of(
    st.builds(ServiceInfo, _strings, _options, st.lists(_items, max_size=3).map(tuple)),
    st.builds(ServiceInfo, _strings, problem=st.builds(LabelProblem, st.just("service-unavailable"), _args)),
    st.builds(ServiceInfo, st.none(), problem=st.builds(LabelProblem, st.just("no-ratings"), _args)),
)
_lists = st.lists(_services, min_size=1, max_size=3).map(lambda services: LabelList(tuple(services)))

_SEEDS = [_text("valid", name) for name in VALID] + [_text("malformed", name) for name in MALFORMED]
_TOKENS = st.sampled_from(
    [
        "(",
        ")",
        '"',
        "'",
        " ",
        ":",
        "1",
        "-",
        ".",
        "a",
        "l",
        "r",
        "gen",
        "true",
        "for",
        "error",
        "not-labeled",
        "on",
        "extension",
        "optional",
        "mandatory",
        '"x"',
        "no-ratings",
        "\n",
        "\0",
        "日",
        "\ud800",
        "PICS-1.1",
        '"http://h/"',
    ]
)


@given(_lists)
def test_every_list_survives_writing(label_list: LabelList) -> None:
    assert parse_label_list(write_label_list(label_list)) == label_list


@given(
    st.one_of(spoiled(_SEEDS, _TOKENS), st.text(max_size=60), st.lists(_TOKENS, max_size=40).map(" ".join)),
    st.booleans(),
)
def test_any_text_gives_a_list_that_survives_writing_or_a_label_error(text: str, lenient: bool) -> None:
    try:
        parsed = parse_label_list(text, lenient=lenient)
    except LabelError as error:
        assert error.code in CODES
    else:
        assert parse_label_list(write_label_list(parsed)) == parsed
        assert lenient or not parsed.repairs


@given(st.data(), st.booleans())
def test_cut_and_flipped_bytes_give_a_list_or_a_label_error(data: st.DataObject, lenient: bool) -> None:
    raw = bytearray(data.draw(st.sampled_from(_SEEDS)).encode())
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    for _ in range(data.draw(st.integers(0, 3)) if raw else 0):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        parsed = parse_label_list(decode_text(bytes(raw)), lenient=lenient)
    except LabelError as error:
        assert error.code in CODES
    else:
        assert parse_label_list(write_label_list(parsed)) == parsed


@given(st.one_of(spoiled(_SEEDS, _TOKENS), st.sampled_from(_SEEDS)))
def test_lenient_reader_reads_all_that_the_strict_one_reads_alike(text: str) -> None:
    try:
        parsed = parse_label_list(text)
    except LabelError:
        return
    mended = parse_label_list(text, lenient=True)
    assert (mended, mended.repairs) == (parsed, ())


@given(_dates)
def test_every_date_survives_writing(moment: datetime) -> None:
    assert parse_date(write_date(moment)) == moment


# W3C's own samples

_DATA = os.environ.get("SFS_TEST_DATA")


@pytest.mark.skipif(_DATA is None, reason="SFS_TEST_DATA does not name the folder of test data")
def test_the_sample_labels_of_w3c_are_read_and_survive_writing() -> None:
    assert _DATA is not None
    text = (Path(_DATA) / "vectors" / "pics" / "w3c-labels.lab").read_text("utf-8")
    # Comments are editorial there; PICS has none. No string of these samples holds a semicolon.
    samples = re.split(r"(?=\(PICS)", re.sub(r";.*", "", text))
    parsed = [parse_label_list(sample) for sample in samples if sample.strip()]
    assert [[len(service.labels) for service in each.services] for each in parsed] == [
        [1],
        [1],
        [1],
        [1],
        [3, 3, 0],
        [3, 3, 0],
        [3, 3, 0],
        [3, 3, 0],
    ]
    for each in parsed:
        assert parse_label_list(write_label_list(each)) == each


# The notation of the vectors


def tree_of(label_list: LabelList) -> list[Any]:
    """A parsed list in the notation of the vectors."""
    return [_service_tree(service) for service in label_list.services]


def canonical(node: Any) -> Any:
    """What a vector expects, with every date in the form that we write."""
    if isinstance(node, list):
        return [canonical(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: _date(value) if key in ("at", "on", "until") else canonical(value) for key, value in node.items()}


def _date(text: str) -> str:
    moment = parse_date(text)
    assert moment is not None, text
    return write_date(moment)


def _service_tree(info: ServiceInfo) -> dict[str, Any]:
    shown: dict[str, Any] = {} if info.service is None else {"id": info.service}
    if info.problem is not None:
        return shown | _problem_tree(info.problem)
    return shown | _options_tree(info.options) | {"L": [_item_tree(item) for item in info.labels]}


def _item_tree(item: PicsLabel | LabelTree | LabelProblem) -> dict[str, Any]:
    if isinstance(item, LabelProblem):
        return _problem_tree(item)
    if isinstance(item, LabelTree):
        return {"tree": [_item_tree(label) for label in item.labels]}
    return _options_tree(item.options) | {"r": {name: _value_tree(value) for name, value in item.ratings}}


def _problem_tree(problem: LabelProblem) -> dict[str, Any]:
    return {"err": problem.code, "args": list(problem.args)}


def _value_tree(value: Value) -> Any:
    if isinstance(value, float | int):
        return value
    return [list(item) if isinstance(item, Span) else item for item in value]


def _options_tree(options: Options) -> dict[str, Any]:
    found = {
        "at": options.at and write_date(options.at),
        "by": options.by,
        "comment": list(options.comments) or None,
        "complete-label": options.complete_label,
        "extension": [["mandatory" if e.mandatory else "optional", e.url] for e in options.extensions] or None,
        "for": options.for_,
        "generic": options.generic,
        "mic-md5": options.mic_md5,
        "on": options.on and write_date(options.on),
        "signature-pkcs": options.signature,
        "until": options.until and write_date(options.until),
    }
    given_options = {name: value for name, value in found.items() if value is not None}
    return {"o": given_options} if given_options else {}
