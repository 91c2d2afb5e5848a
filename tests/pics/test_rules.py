"""PICSRules read, written and judged. The cases are data: tests/vectors/pics/README.md."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import LabelError
from sfs.pics.labels import LabelList, parse_label_list
from sfs.pics.rule_expressions import (
    OPERATORS,
    Comparison,
    Expression,
    Joined,
    Otherwise,
)
from sfs.pics.rule_judge import Evidence, judge_rules
from sfs.pics.rule_patterns import parse_pattern, target_of
from sfs.pics.rule_reader import MAX_RULES, parse_rules
from sfs.pics.rule_settings import SETTINGS, RuleSettings
from sfs.pics.rules import RuleClause, RuleExtension, Rules, RuleService, RuleSource, write_rules
from tests.pics.spoiled import spoiled

VECTORS = Path(__file__).parents[1] / "vectors" / "pics" / "rules"
CASES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(VECTORS.glob("*.json"))}
JUDGED = [(name, number) for name, case in CASES.items() for number in range(len(case.get("cases", ())))]
VALID = [name for name, case in CASES.items() if "code" not in case]
MALFORMED = [name for name, case in CASES.items() if "code" in case]
CODES = {case["code"] for case in CASES.values() if "code" in case} | {"E_EXTENSION"}
NOW = datetime(2026, 11, 28, tzinfo=UTC)
BUREAU = "http://127.0.0.1:8088/bureau"


def _text(name: str) -> str:
    return (VECTORS / CASES[name]["profile"]).read_text("utf-8")


def _settings(name: str) -> RuleSettings:
    return RuleSettings(**CASES[name].get("settings", {}))


def _list(text: str | None) -> LabelList | None:
    return None if text in (None, "away") else parse_label_list(str(text))


def _evidence(case: Any) -> Evidence:
    embedded, bureau = _list(case.get("embedded")), _list(case.get("bureau"))
    return Evidence(() if embedded is None else (embedded,), {BUREAU: bureau} if "bureau" in case else {})


@pytest.mark.parametrize(("name", "number"), JUDGED)
def test_a_profile_says_of_a_url_what_the_spec_says(name: str, number: int) -> None:
    case, settings = CASES[name]["cases"][number], _settings(name)
    rules = parse_rules(_text(name), settings=settings)
    verdict = judge_rules(rules, case["url"], NOW, _evidence(case), settings)
    assert verdict.accept is case["accept"]
    if "explanation" in case:
        assert verdict.explanation == case["explanation"]
    if "why" in case:
        assert verdict.why == case["why"]


@pytest.mark.parametrize("name", VALID)
def test_a_profile_survives_writing(name: str) -> None:
    rules = parse_rules(_text(name), settings=_settings(name))
    assert parse_rules(write_rules(rules), settings=_settings(name)) == rules


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_profile_is_named_with_its_place(name: str) -> None:
    with pytest.raises(LabelError) as caught:
        parse_rules(_text(name).encode(), "my.prf")
    assert caught.value.code == CASES[name]["code"]
    where = caught.value.where
    assert where is not None and where.file == "my.prf"
    if "at" in CASES[name]:
        assert [where.line, where.column] == CASES[name]["at"]


@pytest.mark.parametrize("setting", [one.name for one in fields(RuleSettings)])
def test_every_setting_is_explained_and_changes_what_a_case_says(setting: str) -> None:
    assert f"{setting} " in (RuleSettings.__doc__ or "")
    used = [name for name, case in CASES.items() if setting in case.get("settings", {})]
    assert used
    for name in used:
        default = replace(_settings(name), **{setting: getattr(SETTINGS, setting)})
        cases = CASES[name]["cases"]
        assert [_accepts(name, case, default) for case in cases] != [case["accept"] for case in cases]


def _accepts(name: str, case: Any, settings: RuleSettings) -> bool | None:
    """What is said of a case under other settings; None where the profile is refused."""
    try:
        rules = parse_rules(_text(name), settings=settings)
    except LabelError:
        return None
    return judge_rules(rules, case["url"], NOW, _evidence(case), settings).accept


def test_words_may_be_written_in_any_case() -> None:
    text = '(PICSRULE-1.1 (POLICY (rejectbyurl "HTTP://*@H.example:*/*" explanation "x")))'
    assert not judge_rules(parse_rules(text), "http://h.example/x", NOW).accept


def test_strings_escape_quotes_and_percent_alone() -> None:
    text = '(PicsRule-1.1 (name ("a%22b%27c%25d%41" description \'x"y\')))'
    rules = parse_rules(text)
    assert (rules.name, rules.description) == ("a\"b'c%d%41", 'x"y')
    assert parse_rules(write_rules(rules)) == rules


def test_a_pattern_knows_its_place() -> None:
    rules = parse_rules('(PicsRule-1.1 (\n Policy (RejectByURL (patterns "http://a.test/"\n  "http://b.test/"))))')
    clause = rules.clauses[0]
    assert [str(place) for place in (clause.where, *clause.places) if place] == [
        "profile:2:2",
        "profile:2:32",
        "profile:3:3",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "h.example",
        "*",
        "http://",
        "http:///x",
        "http://h.example:99999x/",
        "http://h..*/",
        "http://a*b/",
        "http://*a*b/",
        "http://256.0.0.0!8/",
        "http://10.0.0.0!33/",
        "http://*日本/",
        "http://h.example/a*b",
        "http://h.example/#x",
        "http://h.example/a/%2e%2e/*",
        "http://h.example/a b",
        "http://h.example/%" + "25" * 20 + "41",
        "mailto:*x",
        "http://h.example/" + "a" * 5000,
    ],
)
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(LabelError) as caught:
        parse_pattern(text)
    assert caught.value.code == "E_PATTERN" and caught.value.mend


def test_profiles_and_expressions_are_bounded() -> None:
    long = " or ".join(["(S)"] * 1000)
    service = 'serviceinfo ("http://s.example/" shortname "S")'
    nested = "(" * 401 + "S" + ") or (S))" * 400
    for text in (
        " " * (MAX_RULES + 1),
        "(PicsRule-1.1 (" + 'Policy (AcceptIf "otherwise")' * 4001 + "))",
        f'(PicsRule-1.1 ({service} Policy (AcceptIf "{nested}")))',
    ):
        with pytest.raises(LabelError) as caught:
            parse_rules(text)
        assert caught.value.code == "E_LIMIT"
    with pytest.raises(LabelError) as caught:
        parse_rules(f'(PicsRule-1.1 ({service} Policy (AcceptIf "({long})")))')
    assert caught.value.code == "E_EXPRESSION"


# Properties

_strings = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_maybe = st.none() | _strings
_names = st.sampled_from(["SO2", "R", "S1"])
_flags = st.none() | st.booleans()
_comparisons = st.one_of(
    st.builds(Comparison, _names),
    st.builds(Comparison, _names, st.sampled_from(["lv", "n", "color/hue"])),
    st.builds(
        Comparison,
        _names,
        st.sampled_from(["lv", "n"]),
        st.sampled_from(OPERATORS),
        st.sampled_from([0.0, 1.0, 2.5, -3.0]),
    ),
)
_expressions: st.SearchStrategy[Expression] = st.just(Otherwise()) | st.recursive(
    _comparisons, lambda inner: st.builds(Joined, st.booleans(), inner, inner), max_leaves=6
)
_PATTERNS = [
    "http://*@h.example:*/*",
    "*://*@*.h.example:*/kids/*",
    "https://h.example/",
    "http://*@*:*/*.gif",
    "http://10.0.0.0!8/x",
    "ftp://u@h.example:2121/%2541%22?'",
    "mailto:*",
]
_patterns = st.sampled_from(_PATTERNS).map(parse_pattern)
_clauses = st.one_of(
    st.builds(RuleClause, st.booleans(), st.lists(_patterns, min_size=1, max_size=3).map(tuple), explanation=_maybe),
    st.builds(RuleClause, st.booleans(), condition=_expressions, unless=st.booleans(), explanation=_maybe),
)
_dates = st.datetimes(timezones=st.just(UTC))
_rules = st.builds(
    Rules,
    st.lists(_clauses, max_size=4).map(tuple),
    st.tuples(
        *(
            st.builds(
                RuleService,
                _strings,
                st.just(name),
                st.lists(_strings, max_size=2).map(tuple),
                _flags,
                _flags,
                _maybe,
            )
            for name in ("SO2", "R", "S1")
        )
    ),
    _maybe,
    _maybe,
    st.builds(RuleSource, _maybe, _maybe, _maybe, st.none() | _dates),
    st.lists(st.builds(RuleExtension, st.just(False), _strings, st.just("x")), max_size=1).map(tuple),
)
_SEEDS = sorted({_text(name) for name in CASES})
_WORDS = "Policy RejectIf AcceptByURL name serviceinfo otherwise and <= x.y shortname * %22 日 \0"
_TOKENS = st.sampled_from(["(", ")", '"', "'", " ", '"(S.a > 1)"', '"http://*@h:*/*"', *_WORDS.split(" ")])
_URLS = st.sampled_from(["http://h.example/", "https://a.h.example:8443/kids/x?q", "mailto:x", "", "http://[", "日本"])


@given(_rules)
def test_every_profile_survives_writing(rules: Rules) -> None:
    assert parse_rules(write_rules(rules)) == rules


@given(spoiled(_SEEDS, _TOKENS), _URLS)
def test_any_text_gives_a_profile_that_survives_writing_or_an_error(text: str, url: str) -> None:
    _either(text, url)


@given(st.data())
def test_cut_and_flipped_bytes_give_a_profile_or_an_error(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(_SEEDS)).encode())
    raw = raw[: data.draw(st.integers(0, len(raw)))]
    for _ in range(data.draw(st.integers(0, 3)) if raw else 0):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    _either(bytes(raw), "http://h.example/")


def _either(source: str | bytes, url: str) -> None:
    try:
        rules = parse_rules(source)
    except LabelError as error:
        assert error.code in CODES and error.where is not None
    else:
        assert parse_rules(write_rules(rules)) == rules
        assert judge_rules(rules, url, NOW).why


@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from(["*", "http://", "h", ".", ":", "/", "%", "!", "@", "1"])).map("".join),
    _URLS,
)
def test_any_text_is_a_pattern_or_an_error_and_matches_or_not(text: str, url: str) -> None:
    try:
        pattern = parse_pattern(text)
    except LabelError as error:
        assert error.code == "E_PATTERN"
    else:
        target = target_of(url)
        assert pattern.matches(target, 0, SETTINGS) in (True, False)
        assert not pattern.any_url or target.host == "" or pattern.matches(target, 0, SETTINGS)


def test_the_longest_pattern_is_looked_for_in_the_longest_url() -> None:
    pattern = parse_pattern("http://*@*:*/*" + "a" * 4000 + "c*")
    assert not pattern.matches(target_of("http://h.example/" + "a" * 60_000 + "b"), 0, SETTINGS)
    assert pattern.matches(target_of("http://h.example/" + "a" * 60_000 + "c"), 0, SETTINGS)
