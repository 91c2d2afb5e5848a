"""A configuration written as PICSRules: nothing is accepted there that it blocks, and what was taken comes back."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.errors import LabelError, SfsError
from sfs.export.picsrules import export_rules, patterns_of
from sfs.match.entry import parse_entry
from sfs.match.index import entry_matches
from sfs.pics.labels import LabelList, PicsLabel, ServiceInfo
from sfs.pics.rule_judge import Evidence, judge_rules
from sfs.pics.rule_patterns import target_of
from sfs.pics.rule_reader import parse_rules
from sfs.pics.rule_settings import SETTINGS
from sfs.pics.rules import write_rules
from sfs.pics.safetyonline import SERVICE
from sfs.pics.values import Span
from sfs.sources.picsrules_entries import Effect
from sfs.sources.picsrules_import import import_rules, write_config
from sfs.text.url import parse_url
from tests.picsrules import config_of, decide_by, policy_of

NOW = datetime(2026, 11, 28, tzinfo=UTC)
RSACI = "http://www.rsac.org/ratingsv01.html"
BUREAU, OTHER = "http://127.0.0.1:8088/r", "http://127.0.0.1:8089/r"
ENTRIES = (
    *("h.test", "=h.test", "a.h.test", "|https://h.test", "h.test:80", "h.test:8443", "192.0.2.1", "[2001:db8::1]"),
    *(
        "h.test/kids/",
        "h.test/kids/x",
        "h.test/p",
        "h.test/p?x=1",
        "|http://h.test/kids/",
        "h.test/%6Bids/b c/".replace(" ", "%20"),
    ),
    *("h.test/a;b/", "h.test/a%2Fb/", "h.test/日/", "h.test/q*/", "h.test/p?x=*"),
)
PATHS = (
    *("/", "/kids", "/kids/", "/kids/x", "/kids/x?y", "/kidsfoo", "/p", "/p?x=1", "/p?x=2", "/p?x=%2A", "/p?x=*"),
    *("/%6Bids/%2e%2e/p", "/a;b/p", "/a/b/c", "/a%2Fb/c", "/%E6%97%A5/", "/%93%FA/", "/q*/", "/q%2A/", "/kids/b%20c/x"),
)


def exported(text: str, folder: Path) -> tuple[str, list[str]]:
    """The profile of a configuration as text, and what it does not say beyond what none says."""
    found = export_rules(config_of(text, folder))
    return write_rules(found.rules), [str(finding).replace(f"{folder}/", "") for finding in found.findings[2:]]


def test_a_configuration_is_a_profile_that_ends_in_a_word_for_everything_else(tmp_path: Path) -> None:
    text, findings = exported(
        f"level: 4\nblock: [bad.test]\nallow: [=good.test]\nbureaus: [{{url: '{BUREAU}', service: '{SERVICE}'}}]\n",
        tmp_path,
    )
    assert text == (
        "(PicsRule-1.1 (\n"
        f'  serviceinfo ("{SERVICE}" shortname "SO2" bureauURL "{BUREAU}" UseEmbedded "N" bureau-unavailable "PASS")\n'
        '  Policy (AcceptByURL "*://*@good.test:*/*")\n'
        '  Policy (RejectByURL ("*://*@bad.test:*/*" "*://*@*.bad.test:*/*"))\n'
        '  Policy (AcceptIf "otherwise")\n'
        '  name (rulename "household" description "ratings to 4 of 4, for adults, no rating limit; unrated: show")\n'
        '  source (creationtool "SFS")))\n'
    )
    assert findings == []


def test_an_allowlist_ends_in_a_rejection(tmp_path: Path) -> None:
    text, _ = exported("level: 1\nonly_allowed: true\nallow: [h.test]\n", tmp_path)
    assert text.count("Policy") == 2 and 'RejectIf "otherwise"' in text


def test_what_a_profile_cannot_say_is_named_with_its_place(tmp_path: Path) -> None:
    text = (
        "level: 1\nkeywords: {2: [blue widget]}\nratings: {c.test: 3, d.test: 0}\naddresses: block\n"
        "allow: [h.test/日/, {entry: s.test, search_words: skip}]\n"
        f"bureaus: [{{url: '{BUREAU}', trust: false}}, {{url: '{OTHER}', service: 'http://x.test/'}}]\n"
        "groups: [{name: g, clients: [192.0.2.0/24], level: 0}]\n"
    )
    assert exported(text, tmp_path)[1] == [
        "taken.yaml:5:9: shows less: h.test/%E6%97%A5/ is left out: its path can be spelled in several ways",
        "taken.yaml:5:28: no effect: s.test: search words are not looked at",
        "taken.yaml:3:22: shows less: the rating 0 of d.test is left out: it would open it to everything",
        "taken.yaml:2:1: shows more: keywords is left out",
        "taken.yaml:4:1: shows more: addresses: block is left out",
        f"shows more: the bureau {BUREAU} is left out: its labels only raise a rating",
        f"no effect: the bureau {OTHER} is left out: its ratings mean nothing here",
        "taken.yaml:7:10: no effect: the group 'g' is left out: a profile is for one reader",
    ]


def test_a_profile_of_mandatory_lists_alone_says_nothing_here(tmp_path: Path) -> None:
    with pytest.raises(SfsError, match="mandatory"):
        exported("level: 1\nchecks: mandatory\n", tmp_path)


# At level 0 SafeSurf's scale is not ordered (3 is a technical reference): what rejects its labels rejects too much.
@pytest.mark.parametrize(("level", "own"), [(0, "false"), (1, "true"), (2, "true"), (3, "true")])
@pytest.mark.parametrize("unrated", ["show", "block"])
@pytest.mark.parametrize("away", ["show", "block"])
def test_what_is_exported_comes_back(tmp_path: Path, level: int, own: str, unrated: str, away: str) -> None:
    text = (
        f"level: {level}\nunrated: {unrated}\nself_labels: {own}\nbureau_away: {away}\n"
        f"bureaus:\n  - url: {json.dumps(BUREAU)}\n    service: {json.dumps(SERVICE)}\n"
        'allow:\n  - "h.test/kids/x.html"\n  - "h.test/kids/"\n  - "=a.test"\n  - "c.test"\n'
        'block:\n  - "bad.test"\n  - "|http://b.test:8080/x/"\n'
    )
    rules = parse_rules(exported(text, tmp_path)[0])
    back = import_rules(rules)
    assert sorted(write_config(back).splitlines()[3:]) == sorted(text.splitlines())
    assert not back.shows_more
    again = export_rules(config_of(write_config(back), tmp_path)).rules
    assert set(again.clauses) == set(rules.clauses) and again.services == rules.services


_URLS = st.builds(
    lambda scheme, host, port, path: f"{scheme}://{host}{port}{path}",
    st.sampled_from(["http", "https"]),
    st.sampled_from(["h.test", "a.h.test", "xh.test", "192.0.2.1", "[2001:db8::1]"]),
    st.sampled_from(["", ":80", ":8443"]),
    st.sampled_from(PATHS),
)


@given(st.sampled_from(ENTRIES), _URLS)
def test_patterns_match_what_the_entry_does(text: str, url: str) -> None:
    entry, target = parse_entry(text), target_of(url)
    assert entry is not None
    matched = [
        any(pattern.matches(target, form, SETTINGS) for pattern in patterns_of(entry, accept=False))
        for form in range(len(target.forms))
    ]
    assert any(matched) or not entry_matches(entry, parse_url(url))
    try:
        patterns = tuple(patterns_of(entry, accept=True))
    except LabelError:
        return
    shown = all(any(p.matches(target, form, SETTINGS) for p in patterns) for form in range(len(target.forms)))
    assert not shown or entry_matches(entry, parse_url(url)) == 3


_VALUES = st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, 7.0, -1.0, 1.5, (), (0.0, 3.0), (Span(0.0, 2.0),)])
_ONE = st.one_of(
    _VALUES.map(lambda value: (SERVICE, (("lv", value),))),
    st.tuples(st.sampled_from("nvl"), _VALUES).map(lambda pair: (RSACI, (pair,))),
    st.tuples(st.sampled_from(["oh", "nf", "n"]), _VALUES).map(
        lambda pair: ("http://www.icra.org/pics/vocabularyv03/", (pair,))
    ),
    st.tuples(st.sampled_from(["ss~~000", "ss~~004"]), _VALUES).map(
        lambda pair: ("http://www.classify.org/safesurf/", (pair,))
    ),
)
_LISTS = st.lists(_ONE, max_size=3).map(
    lambda found: LabelList(tuple(ServiceInfo(service, labels=(PicsLabel(ratings),)) for service, ratings in found))
)
_OWN = st.lists(st.tuples(st.sampled_from(ENTRIES), st.booleans()), max_size=4, unique_by=lambda pair: pair[0])
_BUREAUS = st.sampled_from(
    [(), ((BUREAU, SERVICE),), ((BUREAU, SERVICE), (OTHER, SERVICE)), ((BUREAU, SERVICE), (OTHER, RSACI))]
)
_CHOICES = st.fixed_dictionaries(
    {
        "level": st.integers(0, 4),
        "unrated": st.sampled_from(["show", "block"]),
        "bureau_away": st.sampled_from(["show", "block"]),
        "self_labels": st.sampled_from(["true", "false"]),
        "only_allowed": st.sampled_from(["false", "false", "true"]),
    }
)


def _mixes_icra(labels: LabelList) -> bool:
    """Whether codes of both ICRA vocabularies stand under one id, which is said to be left out."""
    names = {name for one in labels.services for label in one.each_label() for name, _ in label.ratings}
    return {"oh", "nf"} <= names


@settings(max_examples=60)  # each is a configuration in a file
@given(_CHOICES, _OWN, _OWN, _OWN, _BUREAUS, _URLS, _LISTS, st.none() | _LISTS, st.none() | _LISTS)
def test_what_is_exported_accepts_nothing_that_the_configuration_blocks(
    tmp_path_factory: pytest.TempPathFactory,
    choices: dict[str, object],
    allow: list[tuple[str, bool]],
    block: list[tuple[str, bool]],
    rated: list[tuple[str, bool]],
    bureaus: tuple[tuple[str, str], ...],
    url: str,
    embedded: LabelList,
    first: LabelList | None,
    second: LabelList | None,
) -> None:
    values: dict[str, object] = {
        **choices,
        "allow": [entry for entry, _ in allow],
        "block": [{"entry": entry, "final": str(final).lower()} for entry, final in block],
        "ratings": {entry: 4 if high else 0 for entry, high in rated},
        "bureaus": [{"url": bureau, "service": service} for bureau, service in bureaus],
    }
    text = "".join(
        f"{key}: {value if isinstance(value, str) else json.dumps(value)}\n" for key, value in values.items()
    )
    folder = tmp_path_factory.getbasetemp()
    found = export_rules(config_of(text, folder))
    assert not [finding for finding in found.findings[2:] if finding.effect is Effect.MORE]
    evidence = Evidence((embedded,), {BUREAU: first, OTHER: second})
    rules = parse_rules(write_rules(found.rules))
    if judge_rules(rules, url, NOW, evidence).accept and not _mixes_icra(embedded):
        # Own ratings are labels of the configuration's own: what they open is left out, so they are not looked at here.
        values["ratings"] = {}
        assert not decide_by(policy_of(text, folder), bureaus, url, NOW, evidence).blocked
