"""PICSRules taken over: what each clause becomes, and that nothing is shown which the profile rejects."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sfs.core.levels import Unrated
from sfs.pics.labels import LabelList, PicsLabel, ServiceInfo
from sfs.pics.rule_expressions import OPERATORS, Comparison, Expression, Joined, Otherwise
from sfs.pics.rule_judge import Evidence, judge_rules
from sfs.pics.rule_patterns import parse_pattern
from sfs.pics.rule_reader import parse_rules
from sfs.pics.rules import RuleClause, Rules, RuleService, write_rules
from sfs.pics.safetyonline import SERVICE
from sfs.pics.values import Span
from sfs.sources.picsrules_entries import Effect
from sfs.sources.picsrules_import import Imported, import_rules, write_config
from tests.picsrules import decide_by, policy_of

NOW = datetime(2026, 11, 28, tzinfo=UTC)
RSACI = "http://www.rsac.org/ratingsv01.html"
BUREAUS = ("http://127.0.0.1:8088/r", "http://127.0.0.1:8089/r")


def taken(*policies: str, services: str = "") -> Imported:
    """What a profile with these policies becomes."""
    declared = services or f'serviceinfo ("{SERVICE}" shortname "SO2")'
    lines = "\n".join(f"Policy ({policy})" for policy in policies)
    return import_rules(parse_rules(f"(PicsRule-1.1 (\n{declared}\n{lines}))", "my.prf"))


def entries(imported: Imported, key: str) -> list[str]:
    """The entries under a key, as they are written."""
    return [one.entry.text for one in getattr(imported, key)]


@pytest.mark.parametrize(
    ("policies", "level", "unrated"),
    [
        (['RejectIf "(SO2.lv > 1)"'], 1, Unrated.SHOW),
        (['RejectIf "(SO2.lv >= 1)"'], 0, Unrated.SHOW),
        (['RejectIf "(SO2.lv > 1.5)"'], 1, Unrated.SHOW),
        (['RejectUnless "(SO2.lv <= 2)"'], 2, Unrated.BLOCK),
        (['AcceptUnless "(SO2.lv > 2)"', 'RejectIf "otherwise"'], 2, Unrated.SHOW),
        (['RejectIf "(SO2.lv > 1)"', 'AcceptIf "(SO2.lv)"', 'RejectIf "otherwise"'], 1, Unrated.BLOCK),
        (['AcceptIf "(SO2.lv <= 3)"', 'RejectByURL "*://*@*:*/*"'], 3, Unrated.BLOCK),
        (['RejectIf "((SO2.lv > 3) or (SO2.lv = 2))"'], 1, Unrated.SHOW),
        (['RejectIf "(SO2.lv > 9)"'], 4, Unrated.SHOW),
        (['RejectIf "((SO2.lv > 1) and (SO2.lv > 2))"'], 2, Unrated.SHOW),
    ],
)
def test_label_clauses_are_a_level_whatever_their_shape(policies: list[str], level: int, unrated: Unrated) -> None:
    imported = taken(*policies)
    assert (imported.level, imported.unrated, imported.only_allowed) == (level, unrated, False)
    assert not imported.shows_more


@pytest.mark.parametrize(
    "policies",
    [
        ['RejectIf "otherwise"'],
        ['RejectByURL "*://*@*:*/*"'],
        ['RejectIf "(SO2.lv >= 0)"'],
        ['RejectIf "(SO2.lv = 0)"'],
        ['RejectUnless "(SO2.lv > 5)"'],
    ],
)
def test_what_no_level_is_strict_enough_for_shows_only_what_is_allowed(policies: list[str]) -> None:
    imported = taken(*policies)
    assert (imported.level, imported.only_allowed) == (0, True)
    assert "only_allowed: true" in write_config(imported)


def test_where_labels_are_not_looked_at_no_level_follows() -> None:
    imported = taken('RejectByURL "*://*@bad.test:*/*"')
    assert imported.level is None and "level" not in write_config(imported)
    assert [(one.effect, one.where) for one in imported.findings] == [(Effect.SAME, None)]


def test_services_are_bureaus_and_what_they_say_of_pages_and_of_being_away() -> None:
    def one(more: str) -> Imported:
        return taken('RejectIf "(SO2.lv > 1)"', services=f'serviceinfo ("{SERVICE}" shortname "SO2" {more})')

    bureau = f'bureauURL "{BUREAUS[0]}"'
    assert one(bureau).bureaus == ((BUREAUS[0], SERVICE),)
    assert one(bureau).bureau_away is Unrated.BLOCK
    assert one(f'{bureau} bureau-unavailable "PASS"').bureau_away is Unrated.SHOW
    assert one("").bureau_away is None
    assert [one(f'UseEmbedded "{word}"').self_labels for word in "YN"] == [True, False]
    two = one(f'{bureau} bureauURL "{BUREAUS[1]}"')
    assert [str(finding) for finding in two.findings if finding.effect is Effect.MORE] == [
        "my.prf:2:1: shows more: while one of several bureaus is away, what another one rates is shown"
    ]
    lost = one('bureauURL "gopher://x.test/"')
    assert lost.bureaus == () and lost.shows_more


def test_a_clause_about_a_service_that_is_not_known_is_left_out_with_its_place() -> None:
    services = f'serviceinfo ("{SERVICE}" shortname "SO2") serviceinfo ("http://x.test/" shortname "X" bureauURL "u")'
    imported = taken('RejectIf "(SO2.lv > 1)"', 'RejectIf "((X.a > 1) or (SO2.zz > 1))"', services=services)
    assert imported.level == 1
    assert [str(finding) for finding in imported.findings] == [
        "my.prf:2:64: shows more: "
        "the bureau of http://x.test/ is not asked: no clause that was taken speaks of its labels",
        "my.prf:4:1: shows more: a clause is left out: SFS has no rating for X.a",
    ]


@pytest.mark.parametrize(
    ("patterns", "allow", "block", "lost_by_allow", "lost_by_block"),
    [
        (["*://*@h.test:*/*"], ["=h.test"], ["=h.test"], "", ""),
        (["http://*@h.test:*/*"], ["=|http://h.test"], ["=|http://h.test"], "", ""),
        (["*://*@h.test:*/*", "*://*@*.h.test:*/*"], ["h.test"], ["h.test"], "", ""),
        (["*://*@*.h.test:*/*"], [], ["h.test"], "less", "less"),
        (["*://*@*h.test:*/*"], ["h.test"], ["h.test"], "less", "more"),
        (["*://*@*.co.jp:*/*"], [], [], "less", "more"),
        (["*://*@h.test:8080/*"], ["=h.test:8080"], ["=h.test:8080"], "", ""),
        (["https://*@h.test:8443/*"], ["=|https://h.test:8443"], ["=|https://h.test:8443"], "", ""),
        (["http://h.test/*"], ["=h.test:80"], ["=h.test:80"], "nearly", ""),
        (["http://h.test:80/*"], ["=h.test:80"], ["=h.test:80"], "nearly", ""),
        (["*://h.test/*"], ["=h.test:80", "=h.test:443", "=h.test:21"], None, "", ""),
        (["*://*@h.test:*/kids/*"], ["h.test/kids/"], ["h.test/kids/"], "nearly", ""),
        (["*://*@h.test:*/a/*", "*://*@h.test:*/a", "*://*@h.test:*/a?*"], ["h.test/a/"], ["h.test/a/"], "", ""),
        (["*://*@h.test:*/kids*"], ["h.test/kids/"], ["h.test/kids/"], "less nearly", "more"),
        (["*://*@h.test:*/a.html"], [], ["h.test/a.html"], "less", ""),
        (["*://*@h.test:*/a.html", "*://*@h.test:*/a.html?*"], ["h.test/a.html"], ["h.test/a.html"], "", ""),
        (["*://*@h.test:*/a?x=1"], ["h.test/a?x=1"], ["h.test/a?x=1"], "", ""),
        (["*://*@h.test:*/a?x*"], [], [], "less", "more"),
        (["*://*@h.test:*/a/"], [], ["h.test/a/"], "less", "less"),
        (["*://*@h.test:*/*.gif"], [], [], "less", "more"),
        (["*://*@h.test:*"], [], [], "less", "more"),
        (["*://*@*:*/x*"], [], [], "less", "more"),
        (["*://*@192.0.2.0!24:*/*"], [], [], "less", "more"),
        (["*://*@192.0.2.1:*/*"], ["192.0.2.1"], ["192.0.2.1"], "", ""),
        (["*://*@[2001:db8::1]:*/*"], ["[2001:db8::1]"], ["[2001:db8::1]"], "", ""),
        (["*://bob@h.test:*/*"], [], ["=h.test"], "less", ""),
        (["mailto:*"], [], [], "no effect", "no effect"),
        (["gopher://*@*:*/*"], [], [], "no effect", "no effect"),
    ],
)
def test_patterns_are_entries_or_it_is_said_why_not(
    patterns: list[str], allow: list[str], block: list[str] | None, lost_by_allow: str, lost_by_block: str
) -> None:
    listed = " ".join(f'"{pattern}"' for pattern in patterns)
    for word, key, expected, lost in (
        ("Accept", "allow", allow, lost_by_allow),
        ("Reject", "block", allow if block is None else block, lost_by_block),
    ):
        imported = taken(f"{word}ByURL ({listed})", 'RejectIf "(SO2.lv > 1)"')
        assert entries(imported, key) == expected
        effects = {str(finding.effect).removeprefix("shows ").partition(" the")[0] for finding in imported.findings}
        assert effects == {found for found in ("less", "more", "nearly", "no effect") if found in lost}
        for finding in imported.findings:
            assert finding.where is not None and finding.where.line == 3 and finding.where.column


def test_an_allow_entry_that_would_undo_a_clause_above_it_is_left_out() -> None:
    imported = taken(
        'RejectByURL ("*://*@h.test:*/*" "*://*@*.h.test:*/*")',
        'AcceptByURL ("*://*@www.h.test:*/*" "*://*@other.test:*/*")',
        'RejectIf "(SO2.lv > 1)"',
        'AcceptByURL "*://*@late.test:*/*"',
        'RejectByURL "*://*@worse.test:*/*"',
    )
    assert (entries(imported, "allow"), entries(imported, "block")) == (["=other.test"], ["h.test", "=worse.test"])
    assert [str(finding) for finding in imported.findings] == [
        "my.prf:4:22: shows less: =www.h.test is left out: it would open what h.test closes above it",
        "my.prf:6:1: shows less: "
        "a clause is left out: what stands above it may close its pages, an entry would open them",
    ]


def test_behind_a_clause_that_always_holds_nothing_is_taken() -> None:
    imported = taken('AcceptIf "otherwise"', 'RejectByURL "*://*@h.test:*/*"', 'RejectIf "(SO2.lv > 1)"')
    assert (imported.level, entries(imported, "block")) == (None, [])
    assert [finding.effect for finding in imported.findings] == [Effect.SAME] * 3


def test_too_many_comparisons_are_left_to_a_person() -> None:
    both = [f'RejectIf "((SO2.lv = 0.{n}) and (SO2.lv > 0.{n}))"' for n in range(10, 30)]
    imported = taken(*both)
    assert imported.only_allowed and "too many comparisons" in imported.findings[0].what


def test_the_largest_profiles_are_taken_over_in_bounded_work() -> None:
    """Each of these would be millions of steps if every pair of its parts were looked at."""
    hosts = " ".join(f'"*://*@h{n}.test:*/*"' for n in range(12_000))
    imported = taken(f"RejectByURL ({hosts})", f"AcceptByURL ({hosts})", 'RejectIf "(SO2.lv > 1)"')
    assert (len(imported.allow), len(imported.block), imported.level) == (12_000, 12_000, 1)
    many = "\n".join(f'serviceinfo ("{SERVICE}" shortname "S{n}")' for n in range(2000))
    compared = taken(*(f'RejectIf "((S{n}.lv > 1) and (S{n}.lv > 0))"' for n in range(1999)), services=many)
    assert compared.only_allowed


def test_the_yaml_names_where_it_comes_from_and_is_a_configuration(tmp_path: Path) -> None:
    rules = Rules(
        (RuleClause(False, condition=Comparison("S", "lv", ">", 1.0)),),
        (RuleService(SERVICE, "S", (BUREAUS[0],)),),
        "a\nb: [",
        "日本",
    )
    text = write_config(import_rules(rules), 'my"\n.prf')
    assert text.startswith('# From a PICSRules profile: my" .prf\n# a b: [\n# 日本\nlevel: 1\n')
    policy = policy_of(text, tmp_path)
    assert (policy.level, policy.unrated, policy.bureau_away) == (1, Unrated.SHOW, Unrated.BLOCK)


# Nothing is shown that the profile rejects. The URLs have no user, no port that is another scheme's own, and no folder
# without its slash: those three are said to be shown (see picsrules_entries.py).

_HOSTS = st.sampled_from(["h.test", "a.h.test", "b.a.h.test", "xh.test", "g.test", "192.0.2.1"])
_PORTS = st.sampled_from(["", ":8080"])
_URL_PATHS = st.sampled_from(
    ["/", "/kids/", "/kids/x", "/kidsfoo", "/p", "/p?x=1", "/kids/x.gif", "/%6Bids/%2e%2e/p", "/a;b/p"]
)
_URLS = st.builds(
    lambda scheme, host, port, path: f"{scheme}://{host}{port}{path}",
    st.sampled_from(["http", "https"]),
    _HOSTS,
    _PORTS,
    _URL_PATHS,
)
_PATTERN_HOSTS = st.sampled_from(
    ["*", "h.test", "*.h.test", "*h.test", "a.h.test", "g.test", "192.0.2.0!24", "192.0.2.1"]
)
_PATTERN_PATHS = st.sampled_from(["/*", "/*", "/kids/*", "/kids*", "/p", "/p?*", "/", "", "/*.gif", "/p?x=1"])
_PATTERNS = st.builds(
    lambda scheme, user, host, port, path: parse_pattern(f"{scheme}://{user}{host}{port}{path}"),
    st.sampled_from(["*", "*", "http", "https"]),
    st.sampled_from(["*@", ""]),
    _PATTERN_HOSTS,
    st.sampled_from([":*", ":*", "", ":8080"]),
    _PATTERN_PATHS,
)
_TERMS = st.one_of(
    st.builds(
        Comparison,
        st.just("SO2"),
        st.just("lv"),
        st.sampled_from(OPERATORS),
        st.sampled_from([0.0, 1.0, 1.5, 2.0, 3.0]),
    ),
    st.builds(Comparison, st.just("SO2"), st.sampled_from([None, "lv"])),
    st.builds(
        Comparison, st.just("R"), st.sampled_from(["n", "v"]), st.sampled_from([">", "<="]), st.sampled_from([1.0, 2.0])
    ),
    st.builds(Comparison, st.just("X"), st.just("a"), st.just(">"), st.just(1.0)),
)
_EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    _TERMS, lambda inner: st.builds(Joined, st.booleans(), inner, inner), max_leaves=3
)
_CLAUSES = st.one_of(
    st.builds(RuleClause, st.booleans(), st.lists(_PATTERNS, min_size=1, max_size=3).map(tuple)),
    st.builds(RuleClause, st.booleans(), condition=_EXPRESSIONS, unless=st.booleans()),
    st.builds(RuleClause, st.booleans(), condition=st.just(Otherwise())),
)
_RULES = st.builds(
    lambda clauses, bureaus, flags: Rules(
        tuple(clauses),
        tuple(
            RuleService(url, name, bureaus[n], *flags[n])
            for n, (url, name) in enumerate([(SERVICE, "SO2"), (RSACI, "R"), ("http://x.test/", "X")])
        ),
    ),
    st.lists(_CLAUSES, min_size=1, max_size=6),
    st.tuples(*(st.sampled_from([(), (BUREAUS[0],), (BUREAUS[n % 2],)]) for n in range(3))),
    st.tuples(*(st.tuples(st.none() | st.booleans(), st.none() | st.booleans()) for _ in range(3))),
)
_VALUES = st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, -1.0, 1.5, (), (0.0, 3.0), (Span(0.0, 2.0),)])
_RATINGS = st.one_of(
    _VALUES.map(lambda value: (SERVICE, (("lv", value),))),
    st.tuples(st.sampled_from("nvl"), _VALUES).map(lambda pair: (RSACI, (pair,))),
    _VALUES.map(lambda value: ("http://x.test/", (("a", value),))),
)
_LISTS = st.lists(_RATINGS, max_size=3).map(
    lambda found: LabelList(tuple(ServiceInfo(service, labels=(PicsLabel(ratings),)) for service, ratings in found))
)


@settings(max_examples=60)  # each is a configuration in a file
@given(_RULES, _URLS, _LISTS, st.tuples(st.none() | _LISTS, st.none() | _LISTS))
def test_what_is_taken_shows_nothing_that_the_profile_rejects(
    tmp_path_factory: pytest.TempPathFactory,
    rules: Rules,
    url: str,
    embedded: LabelList,
    answers: tuple[LabelList | None, LabelList | None],
) -> None:
    rules = parse_rules(write_rules(rules))
    imported = import_rules(rules)
    evidence = Evidence((embedded,), dict(zip(BUREAUS, answers, strict=True)))
    policy = policy_of(write_config(imported), tmp_path_factory.getbasetemp(), level=4)
    if decide_by(policy, imported.bureaus, url, NOW, evidence).blocked:
        return
    # What was said to show more is no part of the comparison: clauses by their line, bureaus by not being away.
    lines = {finding.where.line for finding in imported.findings if finding.effect is Effect.MORE and finding.where}
    assume(not any(service.where and service.where.line in lines for service in rules.services) or None not in answers)
    kept = tuple(clause for clause in rules.clauses if clause.where is None or clause.where.line not in lines)
    assert judge_rules(replace(rules, clauses=kept), url, NOW, evidence).accept
