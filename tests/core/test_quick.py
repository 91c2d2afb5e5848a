"""The short way for requests whose address says nothing gives what the walk gives; a trace is always walked."""

from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.core.decide import decide
from sfs.core.facts import Body, Fact, Facts, Https, Kind, Need, Page
from sfs.core.label import Label, LabelAnswer
from sfs.core.levels import Unrated
from sfs.core.policy import Policy, policy_of_level
from sfs.core.quick import says_nothing
from sfs.core.ruleset import Axis, CategoryList, MandatoryIndex, Ruleset
from sfs.core.verdict import Verdict
from sfs.errors import UrlError
from sfs.match.entry import parse_entry
from sfs.match.index import EntryIndex
from sfs.match.phrases import parse_phrase_line
from sfs.match.words import WordIndex, parse_word_line
from sfs.sources.config import load_config
from sfs.sources.filter import load_filter
from sfs.text.url import Url, parse_url
from tests.evasion_cases import listed
from tests.evasions import evasion_cases, neighbour_cases

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def asked(url: Url, kind: Kind = Kind.DOCUMENT, answer: LabelAnswer | None = None, **more: object) -> Facts:
    labels = {url.text: LabelAnswer() if answer is None else answer}
    return Facts(url, kind=kind, time=NOW, labels=labels, **{"page_asked": True, **more})


def both(facts: Facts, policy: Policy, rules: Ruleset) -> tuple[Verdict | Need, Verdict | Need]:
    return decide(facts, policy, rules), decide(facts, policy, rules, [])


@pytest.fixture(scope="module", params=["household", "school"])
def ruleset(request, tmp_path_factory) -> Ruleset:
    """What comes with SFS, with the entries of the evasion tables as a subscribed list."""
    state = tmp_path_factory.mktemp("state")
    loaded = load_filter(load_config(None, {"level": "1", "profile": request.param}, state)).ruleset
    index = EntryIndex((parse_entry(line), number) for number, line in enumerate(listed(), 1))
    values = {one.name: getattr(loaded, one.name) for one in fields(loaded) if one.init}
    return Ruleset(**{**values, "lists": (CategoryList("listed", index, rating=4),)})


SHAPES = (
    "https://www.bbb.test/news/2024/item-12?id=4&page=2", "http://shop.aaa.test:8080/", "http://192.0.2.7/x",
    "http://[2001:db8::1]/", "http://aaa.test/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB",
    "http://aaa.test/go?url=http://porn.test/", "http://aaa.test/porn", "http://aaa.test/p0rn/movies", "http://p.o.r.n.test/",
    "http://aaa.test/%70orn", "http://aaa.test/日本", "http://xn--wgv71a.test/", "http://aaa.test/browse.php?u=aHR0cDovL2I",
    "http://aaa.test/AHR0C/x", "http://AAA.test/a/b/c/d/", "http://aaa.test/x!y|z*", "http://aaa.test/#porn",
)  # fmt: skip


@pytest.mark.parametrize("level", range(5))
def test_the_short_way_gives_what_the_walk_gives(ruleset, level):
    urls = [parse_url(text) for text in SHAPES]
    for case in (*evasion_cases(600, 7), *neighbour_cases(400, 8)):
        try:
            urls.append(parse_url(case.url))
        except UrlError:  # what no browser opens is nothing to judge
            continue
    policies = [policy_of_level(level), policy_of_level(level, unrated=Unrated.BLOCK, addresses=Unrated.BLOCK)]
    policies += [policy_of_level(level, only_allowed=True), policy_of_level(level, self_labels=False, scan_body=True)]
    quick = 0
    for url in urls:
        for policy in policies:
            for kind in Kind:
                facts = asked(url, kind)
                short, walked = both(facts, policy, ruleset)
                assert short == walked, url
                quick += says_nothing(facts, policy, ruleset)
    assert quick > 500  # it is no short way if it is never taken


WORDS = WordIndex([parse_word_line("orange\tleet,spaced,masked", 2)])


@pytest.mark.parametrize(
    ("changes", "rules", "facts"),
    [
        ({}, {"words": WORDS}, {"url": "http://aaa.test/orange"}),
        # A name in EUC-JP, where no word is ASCII.
        ({}, {"words": WordIndex([parse_word_line("日本", 2)])}, {"url": "http://aaa.test/%C6%FC%CB%DC"}),
        ({}, {"mandatory": (MandatoryIndex("m", "1", EntryIndex([(parse_entry("aaa.test"), 1)])),)}, {}),
        ({}, {"lists": (CategoryList("l", EntryIndex([(parse_entry("aaa.test"), 1)]), axis=Axis.SECURITY),)}, {}),
        ({"words": WORDS}, {}, {"url": "http://aaa.test/0range"}),
        ({"only_allowed": True}, {}, {}),
        ({"bureau_away": Unrated.BLOCK}, {}, {"answer": LabelAnswer((), away=True)}),
        ({}, {}, {"answer": LabelAnswer((Label(4, "bureau"),))}),
        ({}, {}, {"form_kind": "application/dns-message"}),
        ({"addresses": Unrated.BLOCK}, {}, {"url": "http://203.0.113.9/"}),
    ],
)
def test_whatever_a_row_may_say_is_left_to_the_rows(changes, rules, facts):
    url = parse_url(facts.pop("url", "http://aaa.test/"))
    policy, ruleset = policy_of_level(1, **changes), Ruleset(**rules)
    given = asked(url, **facts)
    assert not says_nothing(given, policy, ruleset)
    short, walked = both(given, policy, ruleset)
    assert short == walked


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize("page", [None, Page(), Page(cut=True), Page(texts=("an orange",))])
@pytest.mark.parametrize("page_asked", [False, True])
def test_what_the_page_says_counts_all_the_same(level, page, page_asked):
    policy, ruleset = policy_of_level(level), Ruleset(words=WORDS)
    facts = asked(parse_url("http://aaa.test/x"), page=page, page_asked=page_asked)
    assert says_nothing(facts, policy, ruleset)
    short, walked = both(facts, policy, ruleset)
    assert short == walked


PHRASES = tuple(parse_phrase_line(f"{colour} widget\t60", 3) for colour in ("blue", "red"))
BODIES = [Body(), Body(PHRASES[:1]), Body(PHRASES), Body(script=PHRASES), Body(PHRASES, PHRASES)]


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize("page", [None, Page(), Page(cut=True), Page(texts=("an orange",))])
@pytest.mark.parametrize("changes", [{}, {"unrated": Unrated.BLOCK}, {"body_limit": 60}, {"words": WORDS}])
def test_what_its_text_says_counts_all_the_same(level, page, changes):
    policy, ruleset = policy_of_level(level, scan_body=True, **changes), Ruleset(words=WORDS)
    unseen = asked(parse_url("http://aaa.test/x"), page=page, page_asked=page is not None)
    short, walked = both(unseen, policy, ruleset)
    assert short == walked
    for body in (None, *BODIES):
        for facts in (unseen.with_body(body), asked(unseen.url).with_page(page).with_body(body)):
            short, walked = both(facts, policy, ruleset)
            assert short == walked


def test_a_head_that_was_judged_is_not_judged_again_with_the_text_unless_it_is_another():
    policy, ruleset = policy_of_level(1, scan_body=True), Ruleset(words=WORDS)
    facts = asked(parse_url("http://aaa.test/x"), page=Page())
    assert decide(facts, policy, ruleset).fact is Fact.BODY
    assert facts.silent_head is not None
    assert facts.with_body(BODIES[0]).silent_head is facts.silent_head
    changed = facts.with_page(Page(texts=("an orange",)))
    assert changed.silent_head is None
    assert decide(changed, policy, ruleset).check == "metadata-words"
    other = policy_of_level(1, scan_body=True, words=WordIndex([parse_word_line("blue", 2)]))
    blue = asked(facts.url, page=Page(texts=("blue",)))
    assert decide(blue, policy, ruleset).fact is Fact.BODY
    assert decide(blue.with_body(BODIES[0]), other, ruleset).check == "metadata-words"


LISTED = ("aaa.test", "=b.bbb.test", "ccc.test/x/", "|https://ddd.test", "192.0.2.7", "eee.test:8080", "test.example")
LABELS = st.sampled_from(["aaa", "bbb", "b", "ccc", "ddd", "eee", "192", "0", "2", "7", "x"])
HOSTS = st.lists(LABELS, max_size=3).flatmap(
    lambda labels: st.sampled_from([".".join([*labels, "test"]), "192.0.2.7", "192.0.2.8", "test.example", "[::1]"])
)


@given(st.lists(st.tuples(HOSTS, st.sampled_from(["/", "/x/y", "/y"])), min_size=1, max_size=12), st.integers(0, 4))
def test_what_is_remembered_of_a_host_changes_no_verdict(asked_for, level):
    """One ruleset is asked all along; the other is made anew for each request and so remembers nothing. Policies of all
    levels share what is remembered."""

    def made() -> Ruleset:
        index = EntryIndex((parse_entry(line), number) for number, line in enumerate(LISTED, 1))
        mandatory = EntryIndex([(parse_entry("b.aaa.test"), 1)])
        lists = (CategoryList("l", index, rating=3), CategoryList("s", mandatory, axis=Axis.SECURITY))
        return Ruleset(words=WORDS, lists=lists, mandatory=(MandatoryIndex("m", "1", mandatory),))

    kept = made()
    for number, (host, path) in enumerate(asked_for):
        facts = asked(parse_url(f"http://{host}{path}"))
        policy = policy_of_level((level + number) % 5)
        assert (
            decide(facts, policy, kept) == decide(asked(facts.url), policy, made()) == decide(facts, policy, kept, [])
        )


def test_what_is_remembered_of_hosts_is_bounded(monkeypatch):
    monkeypatch.setattr("sfs.core.quick.MAX_HOSTS", 10)
    ruleset = Ruleset(lists=(CategoryList("l", EntryIndex([(parse_entry("aaa.test"), 1)]), rating=4),))
    for number in range(100):
        assert says_nothing(asked(parse_url(f"http://h{number}.test/")), policy_of_level(1), ruleset)
    assert 0 < len(ruleset.unlisted) <= 10


def test_by_name_nothing_is_quick():
    policy, ruleset = policy_of_level(1), Ruleset(words=WORDS)
    url = parse_url("https://orange.test/").by_name()
    facts = asked(url, https=Https.SNI)
    assert not says_nothing(facts, policy, ruleset)
    short, walked = both(facts, policy, ruleset)
    assert short == walked


def test_what_was_told_to_say_nothing_is_told_again_where_a_fact_changed():
    """As for an open WebSocket, which is looked at again with the labels of now."""
    policy, ruleset, url = policy_of_level(1), Ruleset(words=WORDS), parse_url("http://aaa.test/x")
    facts = asked(url)
    assert not decide(facts, policy, ruleset).blocked
    rated = {url.text: LabelAnswer((Label(4, "bureau"),))}
    for changed in (
        replace(facts, labels=rated),
        replace(facts, labels=rated).with_page(None),
        facts.with_labels(url, rated[url.text]),
        replace(facts, url=parse_url("http://aaa.test/orange"), labels={"http://aaa.test/orange": LabelAnswer()}),
    ):
        assert decide(changed, policy, ruleset).blocked
