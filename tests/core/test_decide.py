"""The order of checks, row by row, and what always holds. Nothing here is mocked: values are built."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.core.decide import CHECKS, ROWS, decide
from sfs.core.facts import Fact, Facts, Https, Kind, Need, Page
from sfs.core.label import NOT_LABELED, Label, LabelAnswer
from sfs.core.levels import LEVELS, Bypass, Unrated
from sfs.core.policy import Owner, Policy, policy_of_level
from sfs.core.ruleset import Axis, CategoryList, MandatoryIndex, Ruleset
from sfs.core.verdict import Action, Scope, Verdict
from sfs.match.entry import parse_entry
from sfs.match.index import EntryIndex
from sfs.match.words import WordIndex, parse_word_line
from sfs.pics.selflabels import SelfLabel
from sfs.text.named import NamedHosts
from sfs.text.search import Engines
from sfs.text.unwrap import Wrappers
from sfs.text.url import name_url, parse_url

NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
NO_PAGE = Page()
ENGINES = Engines([{"name": "Find", "hosts": ["find.test"], "params": ["q"], "paths": ["/search"]}])
WRAPPERS = Wrappers(
    [
        {"name": "archive", "hosts": ["archive.test"], "after": ["/web/*/"], "only": True},
        {"name": "translator", "hosts": ["portal.test"], "params": ["u"], "paths": ["/translate"]},
    ]
)


def entries(*lines: str) -> EntryIndex:
    return EntryIndex((parse_entry(line), number) for number, line in enumerate(lines, 1))


def words(**by_rating: str) -> WordIndex:
    return WordIndex(
        parse_word_line(word, int(rating[1:])) for rating, text in by_rating.items() for word in text.split(",")
    )


def owner(name: str = "config", **lists: list[str]) -> Owner:
    rated = {parse_entry(line.split("=>")[0]): int(line.split("=>")[1]) for line in lists.pop("ratings", [])}
    made = {key: entries(*lines) for key, lines in lists.items()}
    if "final" in made:
        made["block"] = entries(*lists.get("block", []), *lists["final"])
    return Owner(name, f"{name}.yaml", rated=EntryIndex((e, 1) for e in rated), ratings=rated, **made)


def policy(level: int = 2, *owners: Owner, **changes: object) -> Policy:
    return policy_of_level(level, owners=owners, **changes)


def facts(url: str = "http://page.test/", labels: tuple[Label, ...] = (), page: Page | None = NO_PAGE, **more) -> Facts:
    made = Facts(parse_url(url), time=NOW, **more)
    return made.with_labels(made.url, LabelAnswer(labels)).with_page(page)


def settle(given_facts: Facts, given_policy: Policy, ruleset: Ruleset, labels=()) -> Verdict:
    """Ask until there is a verdict, answering each need once; a need asked twice fails."""
    asked = set()
    while True:
        answer = decide(given_facts, given_policy, ruleset)
        if isinstance(answer, Verdict):
            return answer
        assert answer not in asked, f"{answer} was asked twice"
        asked.add(answer)
        if answer.fact is Fact.LABELS:
            found = dict(labels).get(answer.url.text, NOT_LABELED)
            given_facts = given_facts.with_labels(answer.url, found)
        else:
            given_facts = given_facts.with_page(given_facts.page or Page())


def check(verdict: Verdict) -> tuple[str, str]:
    return (str(verdict.action), f"{verdict.check}/{verdict.reason}")


# The rows, in their order


def test_the_order_of_checks_is_the_contract():
    assert CHECKS == (
        "own",
        "help",
        "mandatory",
        "entry",
        "subscribed",
        "only-allowed",
        "search-words",
        "rating",
        "url-words",
        "self-label",
        "metadata-words",
        "body-words",
        "unrated",
    )
    assert all(row.why for row in ROWS)


def test_own_pages_are_shown_whatever_holds():
    strict = policy(0, owner(block=["sfs.home.arpa"]), only_allowed=True)
    assert check(settle(facts("http://sfs.home.arpa/"), strict, Ruleset())) == ("allow", "own/own")


@pytest.mark.parametrize("level", range(5))
def test_help_hosts_are_shown_before_every_block_and_never_recorded(level):
    rules = Ruleset(
        help_hosts=entries("=help.test"),
        mandatory=(MandatoryIndex("law", "7", entries("help.test")),),
        words=words(r1="help"),
    )
    strict = policy(level, owner(block=["help.test"]), only_allowed=True)
    for url in ("http://help.test/q?x=help", "https://help.test/"):
        verdict = settle(facts(url), strict, rules)
        assert check(verdict) == ("allow", "help/help")
        assert not verdict.record
    by_name = Facts(name_url("help.test", 443), Https.SNI, time=NOW)
    assert check(settle(by_name, strict, rules)) == ("allow", "help/help")


def test_a_mandatory_list_names_its_id_and_serial_and_nothing_opens_it():
    rules = Ruleset(mandatory=(MandatoryIndex("law", "7", entries("bad.test", "shared.test/a/b")),))
    open_all = policy(4, owner(allow=["bad.test", "shared.test"], ratings=["bad.test=>0"]))
    verdict = settle(facts("http://www.bad.test/secret"), open_all, rules)
    assert check(verdict) == ("block", "mandatory/mandatory")
    assert verdict.source == "law 7"
    assert check(settle(facts("http://shared.test/a%2Fb"), open_all, rules))[0] == "block"
    assert check(settle(facts("http://shared.test/a/c"), open_all, rules))[0] == "allow"


@pytest.mark.parametrize(
    ("owners", "url", "expected"),
    [
        ([owner(block=["page.test"])], "http://page.test/", "block"),
        ([owner(block=["page.test"], allow=["=www.page.test"])], "http://www.page.test/", "allow"),
        ([owner(block=["page.test"], allow=["page.test"])], "http://page.test/", "block"),
        ([owner(block=["page.test/a/"], allow=["page.test/a/b"])], "http://page.test/a/b", "allow"),
        ([owner(block=["page.test/a/"], allow=["page.test/a/b"])], "http://page.test/a/c", "block"),
        ([owner("near", allow=["page.test"]), owner("far", block=["page.test/a"])], "http://page.test/a", "allow"),
        ([owner("near", allow=["page.test"]), owner("far", final=["page.test"])], "http://page.test/", "block"),
        ([owner("near", block=["page.test"]), owner("far", allow=["page.test"])], "http://page.test/", "block"),
        ([owner(block=["page.test/a/b"])], "http://page.test/a%2Fb", "block"),
        ([owner(allow=["page.test/a/"], block=["page.test"])], "http://page.test/a/..%2Fx", "block"),
        ([owner(allow=["page.test/a/"], block=["page.test"])], "http://page.test/a/x", "allow"),
        (
            [owner("near", allow=["page.test"]), owner("far", final=["page.test"], allow=["page.test/a/"])],
            "http://page.test/a/x",
            "allow",
        ),
        (
            [owner("near", allow=["page.test"]), owner("far", final=["page.test"], allow=["page.test/a/"])],
            "http://page.test/b",
            "block",
        ),
    ],
)
def test_own_entries_nearest_owner_first_then_the_most_specific_unit(owners, url, expected):
    assert check(settle(facts(url), policy(2, *owners), Ruleset()))[0] == expected


@pytest.mark.parametrize(
    ("meaning", "closed"), [({"rating": 3}, {0, 1, 2}), ({"axis": Axis.SECURITY}, {0, 1, 2, 3, 4})]
)
def test_an_own_entry_opens_a_list_unless_that_is_final(meaning, closed):
    allows = owner(allow=["page.test"])
    for level in range(5):
        for final in (False, True):
            rules = Ruleset(lists=(CategoryList("list", entries("page.test"), final=final, **meaning),))
            verdict = settle(facts(), policy(level, allows), rules)
            if final and level in closed:
                assert check(verdict) == ("block", "entry/own-final")
                assert verdict.source == "list:1 page.test"
            else:
                assert check(verdict) == ("allow", "entry/own-allow")


def test_an_allowed_engine_is_still_asked_for_bad_words():
    rules = Ruleset(words=words(r3="orange"), engines=ENGINES)
    allows = policy(2, owner(allow=["find.test"]))
    assert check(settle(facts("http://find.test/search?q=orange"), allows, rules))[1] == "search-words/search-words"
    assert check(settle(facts("http://find.test/search?q=lemon"), allows, rules))[1] == "entry/own-allow"
    free = replace(owner(allow=["find.test"]), free_search=frozenset({parse_entry("find.test")}))
    assert check(settle(facts("http://find.test/search?q=orange"), policy(2, free), rules))[0] == "allow"
    exact = policy(2, owner(allow=["find.test/search?q=orange"]))
    assert check(settle(facts("http://find.test/search?q=orange"), exact, rules))[0] == "allow"


@pytest.mark.parametrize("level", range(5))
def test_security_lists_hold_at_every_level_and_circumvention_for_children(level):
    rules = Ruleset(
        lists=(
            CategoryList("bad", entries("virus.test"), "malware", axis=Axis.SECURITY),
            CategoryList("vpn", entries("vpn.test"), "vpn", axis=Axis.CIRCUMVENTION),
        )
    )
    assert check(settle(facts("http://virus.test/"), policy(level), rules)) == ("block", "subscribed/security")
    blocked = check(settle(facts("http://vpn.test/"), policy(level, unrated=Unrated.SHOW), rules))[0] == "block"
    assert blocked is (level <= 2)


@pytest.mark.parametrize("level", range(5))
def test_dns_over_https_is_closed_for_children_on_any_host_and_opened_by_an_entry(level):
    shown = {"unrated": Unrated.SHOW}
    asked = "AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB"  # RFC 8484, section 4.1.1
    for url in (
        "https://any.test/dns-query?name=www.example.com",
        f"http://any.test/x?dns={asked}",
        f"http://any.test/x?%2564ns={asked}",
        "http://any.test:8080/dns%2dquery/?%6eame=www.example.com",
    ):
        verdict = settle(facts(url), policy(level, **shown), Ruleset())
        assert verdict.blocked is (level <= 2)
        if verdict.blocked:
            assert check(verdict) == ("block", "subscribed/circumvention")
        assert not settle(facts(url), policy(level, owner(allow=["any.test"]), **shown), Ruleset()).blocked
    for page in ("docs/dns-query-guide", "docs/dns-query", "docs/dns-query?page=2", "?dns=example.com"):
        url = f"https://any.test/{page}"
        assert not settle(facts(url), policy(level, **shown), Ruleset()).blocked


NUMBERS = ["http://192.0.2.1/", "https://0xcb007107/", "http://[2001:db8::1]:8080/", "http://[::ffff:198.51.100.7]/"]
NO_NUMBERS = ["http://192.0.2.1.example.com/", "http://page.test/192.0.2.1", "http://page1/", "http://route66.test/"]
INSIDE = ["http://192.168.0.1/", "http://10.1.2.3/", "http://127.0.0.1/", "http://[fd12::1]/", "http://169.254.1.1/"]


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize("url", NUMBERS)
def test_pages_without_a_name_are_closed_where_the_policy_says_so(level, url):
    closes = policy(level, addresses=Unrated.BLOCK, unrated=Unrated.SHOW)
    assert check(settle(facts(url), closes, Ruleset())) == ("block", "subscribed/address-url")
    assert check(settle(facts(url, kind=Kind.SUBRESOURCE), closes, Ruleset())) == ("allow", "unrated/part-shown")
    assert not settle(facts(url), policy(level, unrated=Unrated.SHOW), Ruleset()).blocked
    host = parse_url(url).host
    opened = replace(closes, owners=(owner(allow=[f"[{host}]" if ":" in host else host]),))
    assert check(settle(facts(url), opened, Ruleset())) == ("allow", "entry/own-allow")
    by_name = replace(facts(url), url=parse_url(url).by_name(), https=Https.SNI)
    assert settle(by_name, closes, Ruleset()).reason == "address-url"


@pytest.mark.parametrize("url", [*NO_NUMBERS, *INSIDE])
def test_names_and_what_is_inside_the_house_are_no_pages_without_a_name(url):
    closes = policy(1, addresses=Unrated.BLOCK, unrated=Unrated.SHOW)
    assert not settle(facts(url), closes, Ruleset()).blocked


def test_only_allowed_blocks_other_documents_but_not_what_they_load():
    rules = Ruleset(lists=(CategoryList("start", entries("kids.test"), opens=True),))
    only = policy(2, owner(allow=["school.test"]), only_allowed=True)
    assert check(settle(facts("http://page.test/"), only, rules))[1] == "only-allowed/only-allowed"
    assert check(settle(facts("http://page.test/", kind=Kind.SUBRESOURCE), only, rules))[0] == "allow"
    assert check(settle(facts("http://school.test/"), only, rules))[0] == "allow"
    assert check(settle(facts("http://kids.test/"), only, rules))[0] == "allow"


def test_ratings_block_above_the_level_and_not_at_it():
    for level in range(5):
        for rating in range(5):
            label = Label(rating, "bureau")
            verdict = settle(facts(labels=(label,)), policy(level), Ruleset())
            assert verdict.blocked is (rating > level)


def test_own_rating_wins_outright_up_and_down():
    lists = (CategoryList("cat", entries("page.test"), "adult", rating=4),)
    labels = (Label(3, "bureau"), Label(0, "config", owner=1), Label(1, "group", owner=0))
    assert settle(facts(labels=labels), policy(1), Ruleset(lists=lists)).rating == 1
    assert check(settle(facts(labels=labels[:2]), policy(0), Ruleset(lists=lists)))[0] == "allow"
    assert check(settle(facts(labels=labels[:1]), policy(2), Ruleset()))[1] == "rating/label-rating"
    assert check(settle(facts(), policy(3), Ruleset(lists=lists)))[1] == "rating/category-rating"


def test_inside_a_source_specific_before_generic_longest_newest_highest_and_over_sources_the_highest():
    generic = Label(4, "a", generic=True, rank=(1,))
    specific = Label(1, "a", rank=(9,))
    assert settle(facts(labels=(generic, specific)), policy(4), Ruleset()).rating == 1
    longer = Label(2, "a", generic=True, path="/x/", rank=(3,))
    assert settle(facts(labels=(generic, longer)), policy(4), Ruleset()).rating == 2
    old = Label(3, "a", on=NOW - timedelta(days=9))
    new = Label(2, "a", on=NOW)
    assert settle(facts(labels=(old, new)), policy(4), Ruleset()).rating == 2
    assert settle(facts(labels=(specific, Label(3, "b"))), policy(4), Ruleset()).rating == 3
    assert settle(facts(labels=(Label(1, "a"), Label(2, "a"))), policy(4), Ruleset()).rating == 2


def test_an_expired_label_is_none_and_a_verdict_holds_no_longer_than_its_label():
    gone = Label(4, "a", until=NOW)
    assert check(settle(facts(labels=(gone,)), policy(2), Ruleset()))[1] == "unrated/unrated-shown"
    soon = Label(4, "a", until=NOW + timedelta(hours=1))
    assert settle(facts(labels=(soon,)), policy(2), Ruleset()).valid_until == NOW + timedelta(hours=1)


def test_a_bureau_that_is_away_is_the_levels_word():
    for level in range(5):
        asked = Facts(parse_url("http://page.test/"), time=NOW)
        asked = asked.with_labels(asked.url, LabelAnswer((), away=True)).with_page(Page())
        verdict = settle(asked, policy(level, unrated=Unrated.SHOW), Ruleset())
        assert check(verdict)[1] == ("rating/bureau-away" if level == 0 else "unrated/unrated-shown")


def test_what_is_rated_or_only_part_of_a_page_is_shown_while_a_bureau_is_away():
    away = Facts(parse_url("http://page.test/"), time=NOW)
    rated = away.with_labels(away.url, LabelAnswer((Label(0, "own"),), away=True)).with_page(Page())
    assert check(settle(rated, policy(0), Ruleset())) == ("allow", "rating/rated-shown")
    part = replace(away, kind=Kind.SUBRESOURCE).with_labels(away.url, LabelAnswer((), away=True))
    assert check(settle(part, policy(0), Ruleset())) == ("allow", "unrated/part-shown")


def test_words_in_the_url_hold_unless_a_rating_speaks_of_the_page():
    rules = Ruleset(words=words(r3="orange"))
    url = "http://page.test/orange-1"
    assert check(settle(facts(url), policy(2), rules))[1] == "url-words/url-words"
    whole_host = Label(0, "a", generic=True, path="/")
    assert check(settle(facts(url, (whole_host,)), policy(2), rules))[1] == "url-words/url-words"
    for label in (Label(0, "a"), Label(0, "a", generic=True, path="/o"), Label(0, "own", owner=0, generic=True)):
        assert check(settle(facts(url, (label,)), policy(2), rules))[0] == "allow"
    shopping = Ruleset(words=words(r3="orange"), lists=(CategoryList("c", entries("page.test"), rating=0),))
    assert check(settle(facts(url), policy(2), shopping))[0] == "block"
    assert check(settle(facts("http://page.test/%6Frange"), policy(2), rules))[0] == "block"
    assert check(settle(facts("http://page.test/%256Frange"), policy(2), rules))[0] == "block"


@pytest.mark.parametrize("forms", [1, 2])
def test_a_rating_of_one_form_of_a_url_closes_it_and_never_opens_it(forms):
    rules = Ruleset(words=words(r3="orange"))
    url = "http://page.test/%256Frange"
    kind, strict = Label(0, "a", forms=forms), Label(4, "a", forms=forms)
    assert check(settle(facts(url, (kind,)), policy(2), rules))[1] == "url-words/url-words"
    assert check(settle(facts(url, (kind,)), policy(0), Ruleset()))[1] == "unrated/unrated"
    assert check(settle(facts(url, (strict,)), policy(2), Ruleset()))[1] == "rating/label-rating"
    both = (kind, replace(kind, source="b", forms=3 - forms))
    assert check(settle(facts(url, both), policy(0), rules))[1] == "rating/rated-shown"


def test_a_host_in_its_own_letters_is_searched_for_words():
    rules = Ruleset(words=words(r3="蜜柑"))
    assert check(settle(facts("http://蜜柑-shop.test/"), policy(2), rules))[1] == "url-words/url-words"


def test_self_labels_only_raise():
    page = Page(self_labels=(SelfLabel(3, "rta", False, "x", None),))
    low = Page(self_labels=(SelfLabel(0, "rating", True, "general", None),))
    assert check(settle(facts(page=page), policy(2), Ruleset()))[1] == "self-label/self-label"
    assert check(settle(facts(page=page), policy(3), Ruleset()))[0] == "allow"
    assert check(settle(facts(page=page), policy(2, self_labels=False), Ruleset()))[0] == "allow"
    assert check(settle(facts(page=low), policy(0), Ruleset()))[1] == "unrated/unrated"
    assert check(settle(facts(page=low, labels=(Label(3, "a"),)), policy(2), Ruleset()))[0] == "block"


def test_words_of_a_page_hold_unless_a_rating_speaks_of_it():
    rules = Ruleset(words=words(r3="orange"))
    page = Page(texts=("Fresh orange",))
    assert check(settle(facts(page=page), policy(2), rules))[1] == "metadata-words/metadata-words"
    assert check(settle(facts(page=page, labels=(Label(1, "a"),)), policy(2), rules))[0] == "allow"


def test_a_head_that_never_ended_is_blocked_at_0_and_1():
    for level in range(5):
        verdict = settle(facts(page=Page(cut=True)), policy(level), Ruleset())
        assert verdict.blocked is (level <= 1)


def test_nothing_is_fetched_where_the_answer_cannot_change():
    asked = Facts(parse_url("http://page.test/"), time=NOW)
    asked = asked.with_labels(asked.url, NOT_LABELED)
    assert check(decide(asked, policy(0), Ruleset()))[1] == "unrated/unrated"
    assert check(decide(asked, policy(4), Ruleset()))[0] == "allow"
    assert decide(asked, policy(2), Ruleset()) == Need(Fact.PAGE, asked.url)
    assert isinstance(decide(replace(asked, kind=Kind.SUBRESOURCE), policy(2), Ruleset()), Verdict)


def test_a_search_for_help_is_shown_and_leaves_no_trace():
    rules = Ruleset(words=words(r2="lemon"), help_words=WordIndex([parse_word_line("lemon", None)]), engines=ENGINES)
    for level in range(5):
        verdict = settle(facts("http://find.test/search?q=lemon"), policy(level), rules)
        assert check(verdict) == ("allow", "search-words/help-words")
        assert verdict.notice == ("help-words" if level <= 2 else None)
        assert not verdict.record
    above = settle(facts("http://find.test/search?q=lemon", (Label(4, "bureau"),)), policy(2), rules)
    assert check(above) == ("block", "rating/label-rating")
    assert not above.record
    adult = Page(self_labels=(SelfLabel(4, "rta", False, "RTA"),))
    says = settle(facts("http://find.test/search?q=lemon", page=adult), policy(2), rules)
    assert check(says) == ("block", "self-label/self-label")
    assert not says.record
    by_entry = settle(
        facts("http://find.test/search?q=lemon", (Label(4, "bureau"),), adult),
        policy(2, owner(allow=["find.test"])),
        rules,
    )
    assert check(by_entry) == ("allow", "search-words/help-words")


def test_what_a_page_searches_by_script_is_judged_as_if_it_were_a_page():
    rules = Ruleset(words=words(r3="orange"), help_words=WordIndex([parse_word_line("lemon", None)]), engines=ENGINES)
    part = Kind.SUBRESOURCE

    def said(url: str, *owners: Owner, labels: tuple[Label, ...] = (), **more) -> tuple[str, str]:
        return check(settle(facts(url, labels, kind=part, **more), policy(2, *owners), rules))

    assert said("http://find.test/search?q=orange") == ("block", "search-words/search-words")
    allowed = owner(allow=["find.test"])
    assert said("http://find.test/search?q=orange", allowed) == ("block", "search-words/search-words")
    assert said("http://find.test/search", form=b'{"q": "orange"}', form_kind="application/json")[0] == "block"
    assert said("http://find.test/search", form=b"q=orange", method="POST")[0] == "block"
    assert said("http://find.test/search?q=harbour") == ("allow", "unrated/part-shown")
    assert said("http://find.test/other?q=harbour")[0] == "allow"
    assert check(settle(facts("http://find.test/search?q=orange", kind=part), policy(4), rules))[0] == "allow"
    # A search for help is shown and leaves no trace; a page of help lines in a script's place would help nobody.
    help_ = settle(facts("http://find.test/search?q=lemon", kind=part), policy(1), rules)
    assert (check(help_), help_.notice, help_.record) == (("allow", "search-words/help-words"), None, False)
    assert said("http://find.test/search?q=lemon", allowed)[0] == "allow"
    assert said("http://find.test/search?q=lemon", labels=(Label(4, "bureau"),)) == ("block", "rating/label-rating")


@pytest.mark.parametrize(("level", "notice"), [(0, "help-words"), (2, "help-words"), (3, None)])
def test_help_lines_are_shown_before_the_page_is_fetched(level, notice):
    rules = Ruleset(help_words=WordIndex([parse_word_line("lemon", None)]), engines=ENGINES)
    asked = facts("http://find.test/search?q=lemon", page=None)
    asked = replace(asked, page_asked=False)
    assert decide(asked, policy(level), rules) == Need(Fact.PAGE, asked.url, notice)
    blocked = settle(facts("http://find.test/search?q=lemon"), policy(2, owner(block=["find.test"])), rules)
    assert blocked.blocked
    assert not blocked.record


def test_by_name_only_the_name_is_judged():
    rules = Ruleset(words=words(r3="orange"), engines=ENGINES)
    closed = Facts(name_url("find.test", 443), Https.SNI, time=NOW)
    own = owner(block=["find.test/search"])
    assert check(settle(closed, policy(2, own), rules))[0] == "allow"
    assert check(settle(closed, policy(2, owner(block=["find.test"])), rules))[0] == "block"
    assert check(settle(replace(closed, url=name_url("blood-orange.test")), policy(2), rules))[0] == "block"
    assert check(settle(closed, policy(0), rules))[1] == "unrated/unrated"
    companion = policy(0, companions=entries("find.test"))
    assert check(settle(closed, companion, rules))[0] == "allow"
    assert check(settle(closed, policy(0), replace(rules, system_hosts=entries("=find.test"))))[0] == "allow"


def test_a_page_that_carries_another_gets_the_stricter_verdict_of_both():
    rules = Ruleset(wrappers=WRAPPERS)
    url = "http://archive.test/web/2020/http://inner.test/a"
    blocks_inner = owner(block=["inner.test"])
    blocks_outer = owner(block=["archive.test"])
    assert check(settle(facts(url), policy(2, blocks_inner), rules))[0] == "block"
    assert check(settle(facts(url), policy(2, blocks_outer), rules))[0] == "block"
    assert check(settle(facts(url), policy(2), rules))[0] == "allow"
    assert check(settle(facts(url), policy(2, blocks_inner, bypass=Bypass.BLOCK), rules))[1] == "subscribed/wrapper"
    rated = {"http://inner.test/a": LabelAnswer((Label(4, "b"),))}
    assert settle(facts(url), policy(2), rules, rated.items()).blocked
    assert not settle(facts(url), policy(4), rules, rated.items()).blocked
    assert not settle(facts(url), policy(2, bypass=Bypass.LISTS), rules, rated.items()).blocked
    assert settle(facts(url), policy(4, blocks_inner), rules).blocked
    twice = "http://archive.test/web/2020/http://archive.test/web/2021/http://inner.test/a"
    assert settle(facts(twice), policy(2, blocks_inner), rules).blocked


def test_a_page_that_is_carried_is_judged_in_every_spelling_of_what_carries_it():
    rules = Ruleset(wrappers=WRAPPERS)
    blocks_inner = policy(2, owner(block=["inner.test"]))
    for path in (
        "/translate?u=http://inner.test/",
        "/%2574ranslate?u=http://inner.test/",
        "/translate?%2575=inner.test",
    ):
        assert settle(facts(f"http://portal.test{path}"), blocks_inner, rules).source == "config.yaml:1 inner.test"


def test_every_page_that_is_carried_is_judged_and_too_many_are_blocked_unread():
    rules = Ruleset(wrappers=WRAPPERS)
    blocks_inner = policy(2, owner(block=["inner.test"]))
    for query in ("u=http://inner.test/&u=http://fine.test/", "u=http://fine.test/&u=http://inner.test/"):
        assert settle(facts(f"http://portal.test/translate?{query}"), blocks_inner, rules).blocked
    fine = "&".join(f"u=http://fine.test/{number}" for number in range(8))
    assert not settle(facts(f"http://portal.test/translate?{fine}"), blocks_inner, rules).blocked
    verdict = settle(facts(f"http://portal.test/translate?{fine}&u=http://fine.test/8"), blocks_inner, rules)
    assert check(verdict) == ("block", "subscribed/wrapper")


def test_pages_that_carry_many_that_carry_many_are_bounded_together():
    rules = Ruleset(wrappers=WRAPPERS)

    def carrying(pages: list[str]) -> str:
        return "http://portal.test/translate?" + "&".join(f"u={quote(page, safe='')}" for page in pages)

    inner = [carrying([f"http://fine.test/{first}{second}" for second in range(4)]) for first in range(4)]
    assert not settle(facts(carrying(inner[:1])), policy(2), rules).blocked
    assert settle(facts(carrying(inner)), policy(2), rules).reason == "wrapper"


@pytest.mark.parametrize(("deep", "expected"), [(4, "allow"), (5, "block")])
def test_what_is_carried_too_deep_is_blocked_unread(deep, expected):
    url = "http://archive.test/web/2020/" * deep + "http://inner.test/"
    verdict = settle(facts(url), policy(2), Ruleset(wrappers=WRAPPERS))
    assert check(verdict)[0] == expected
    assert verdict.blocked is (verdict.reason == "wrapper")


@pytest.mark.parametrize("level", range(5))
def test_by_name_what_only_carries_pages_is_closed_to_children(level):
    rules = Ruleset(wrappers=WRAPPERS)
    shows = policy(level, unrated=Unrated.SHOW)
    by_name = Facts(name_url("archive.test", 443), Https.SNI, time=NOW).with_page(None)
    expected = ("block", "subscribed/wrapper") if level <= 2 else ("allow", "unrated/unrated-shown")
    assert check(settle(by_name, shows, rules)) == expected
    portal = replace(by_name, url=name_url("portal.test", 443))  # carries pages beside its own
    assert check(settle(portal, shows, rules))[0] == "allow"


def test_where_wrappers_are_blocked_what_carries_a_page_is_in_any_spelling():
    rules = Ruleset(wrappers=WRAPPERS)
    blocks = policy(1, bypass=Bypass.BLOCK)
    for path in ("/translate?u=http://inner.test/", "/%2574ranslate?%2575=http://inner.test/"):
        assert check(settle(facts(f"http://portal.test{path}"), blocks, rules))[1] == "subscribed/wrapper"
    assert check(settle(facts("http://portal.test/news"), blocks, rules))[0] == "allow"


class Broken:
    """An index that raises whatever is asked."""

    def match(self, url):
        raise RuntimeError("secret value")

    def has_paths(self, host):
        raise RuntimeError("secret value")


@pytest.mark.parametrize("level", range(5))
def test_a_check_that_raises_decides_by_the_level_and_tells_no_values(level):
    verdict = settle(facts(), policy(level), Ruleset(mandatory=(MandatoryIndex("m", "1", Broken()),)))
    assert verdict.check == "error"
    assert verdict.blocked is (level <= 2)
    assert verdict.fault.startswith("RuntimeError at test_decide.py:")
    assert "secret" not in repr(verdict)
    only = policy(level, only_allowed=True)
    assert settle(facts(), only, Ruleset(mandatory=(MandatoryIndex("m", "1", Broken()),))).blocked


def test_a_verdict_reaches_over_the_host_only_where_no_entry_tells_its_pages_apart():
    plain = policy(2, owner(block=["page.test"]))
    assert settle(facts("http://page.test/x"), plain, Ruleset()).scope is Scope.HOST
    mixed = policy(2, owner(block=["page.test"], allow=["page.test/kids/"]))
    assert settle(facts("http://page.test/x"), mixed, Ruleset()).scope is Scope.URL


def test_the_isp_policy_walks_three_rows():
    isp = policy(4, owner(block=["page.test"]), checks=frozenset({"own", "help", "mandatory"}))
    rules = Ruleset(mandatory=(MandatoryIndex("law", "7", entries("bad.test")),))
    assert check(settle(facts(), isp, rules))[0] == "allow"
    assert check(settle(facts("http://bad.test/"), isp, rules))[0] == "block"


def test_a_trace_names_every_row_until_the_answer():
    steps = []
    decide(facts(), policy(2, owner(block=["page.test"])), Ruleset(), steps)
    assert [(s.check, s.said) for s in steps] == [
        ("own", "no opinion"),
        ("help", "no opinion"),
        ("mandatory", "no opinion"),
        ("entry", "block"),
    ]
    steps = []
    decide(facts(page=None), policy(2), Ruleset(), steps)
    assert [s.said for s in steps if s.check in ("self-label", "metadata-words")] == ["not asked", "not asked"]


# What always holds (design, section 3)

HOSTS = ["a.test", "b.a.test", "find.test", "archive.test", "help.test", "orange.test", "unnamed.example"]
PATHS = ["/", "/x", "/x/", "/x/y", "/%78/y", "/x%2Fy", "/search?q=orange", "/search?q=lemon", "/search?q=help"]
PATHS += ["/web/2020/http://a.test/x"]
hosts = st.sampled_from(HOSTS)
urls = st.builds(lambda h, p: f"http://{h}{p}", hosts, st.sampled_from(PATHS))
lines = st.builds(lambda h, p: h + p, hosts, st.sampled_from(["", "/x/", "/x", "/x/y", "/search?q=orange"]))
owners = st.builds(
    lambda name, block, allow, final, ratings: owner(
        name, block=block, allow=allow, final=final, ratings=[f"{line}=>{r}" for line, r in ratings]
    ),
    st.sampled_from(["near", "far"]),
    st.lists(lines, max_size=2),
    st.lists(lines, max_size=2),
    st.lists(lines, max_size=1),
    st.lists(st.tuples(lines, st.integers(0, 4)), max_size=1),
)
labels_st = st.lists(
    st.builds(
        Label,
        rating=st.integers(0, 4),
        source=st.sampled_from(["b1", "b2"]),
        generic=st.booleans(),
        path=st.sampled_from(["/", "/x/"]),
        forms=st.sampled_from([1, 2, 3]),
        owner=st.sampled_from([None, None, 0, 1]),
    ),
    max_size=3,
)
pages_st = st.builds(
    Page,
    texts=st.sampled_from([(), ("orange",), ("lemon", "x")]),
    self_labels=st.lists(st.integers(0, 4).map(lambda r: SelfLabel(r, "rta", False, "x", None)), max_size=2).map(tuple),
    cut=st.booleans(),
)
category_lists = st.builds(
    lambda hosts, rating, axis, final: CategoryList(
        "list", entries(*hosts), rating=None if axis else rating, axis=axis, final=final
    ),
    st.lists(hosts, min_size=1, max_size=2),
    st.integers(0, 4),
    st.sampled_from([None, None, Axis.SECURITY, Axis.CIRCUMVENTION]),
    st.booleans(),
)
rulesets = st.builds(
    lambda word, rating, lists, opens, mandatory: Ruleset(
        words=words(**{f"r{rating}": word}),
        help_words=WordIndex([parse_word_line("help", None)]),
        help_hosts=entries("help.test"),
        lists=tuple(lists) + ((CategoryList("o", entries(*opens), opens=True),) if opens else ()),
        mandatory=(MandatoryIndex("m", "1", entries(*mandatory)),),
        engines=ENGINES,
        wrappers=WRAPPERS,
    ),
    st.sampled_from(["orange", "lemon"]),
    st.integers(1, 4),
    st.lists(category_lists, max_size=2),
    st.lists(hosts, max_size=1),
    st.lists(lines, max_size=1),
)
overrides = st.fixed_dictionaries(
    {},
    optional={
        "only_allowed": st.booleans(),
        "self_labels": st.booleans(),
        "unrated": st.sampled_from(list(Unrated)),
        "bypass": st.sampled_from(list(Bypass)),
    },
)


@st.composite
def cases(draw):
    url = parse_url(draw(urls))
    if draw(st.booleans()) and draw(st.booleans()):
        url = replace(url, scheme="https").by_name()
    made = Facts(url, kind=draw(st.sampled_from(list(Kind))), time=NOW, page=draw(pages_st))
    answers = {u: LabelAnswer(tuple(draw(labels_st))) for u in (url.text, "http://a.test/x")}
    return made, answers, tuple(draw(st.lists(owners, max_size=2))), draw(rulesets), draw(overrides)


def shown(case, level: int, given_owners=None, given_rules=None, given_facts=None, labels=None) -> bool:
    made, answers, case_owners, rules, changes = case
    own = case_owners if given_owners is None else given_owners
    made_policy = policy_of_level(level, owners=own, **changes)
    verdict = settle(given_facts or made, made_policy, given_rules or rules, (labels or answers).items())
    return not verdict.blocked


levels = st.integers(0, 4)


@given(cases())
@settings(max_examples=150, deadline=None)
def test_a_lower_level_never_shows_more(case):
    results = [shown(case, level) for level in range(5)]
    assert results == sorted(results)


@given(cases(), levels, lines, st.integers(0, 1))
@settings(max_examples=100, deadline=None)
def test_adding_a_block_entry_never_shows_more(case, level, line, final):
    made, answers, case_owners, rules, changes = case
    extra = owner("extra", final=[line]) if final else owner("extra", block=[line])
    for position in range(len(case_owners) + 1):
        more = (*case_owners[:position], extra, *case_owners[position:])
        # Own ratings rank by owner; a new owner in front shifts no label here, since labels are given by rank.
        assert shown(case, level) or not shown(case, level, given_owners=more)


own_lists = st.fixed_dictionaries({name: st.lists(lines, max_size=2) for name in ("allow", "block", "final")})


@given(cases(), levels, own_lists, lines)
@settings(max_examples=100, deadline=None)
def test_removing_an_allow_entry_never_shows_more(case, level, own, line):
    """In an owner with other entries, nearest, farthest or between."""
    made, answers, case_owners, rules, changes = case
    without, with_it = owner("some", **own), owner("some", **{**own, "allow": [*own["allow"], line]})
    for at in range(len(case_owners) + 1):
        before, after = case_owners[:at], case_owners[at:]
        more = shown(case, level, given_owners=(*before, with_it, *after))
        assert more or not shown(case, level, given_owners=(*before, without, *after))


@given(cases(), levels, own_lists, lines, st.sampled_from(["block", "final"]))
@settings(max_examples=100, deadline=None)
def test_a_block_entry_beside_others_never_shows_more(case, level, own, line, kind):
    made, answers, case_owners, rules, changes = case
    without, with_it = owner("some", **own), owner("some", **{**own, kind: [*own[kind], line]})
    for at in range(len(case_owners) + 1):
        before, after = case_owners[:at], case_owners[at:]
        more = shown(case, level, given_owners=(*before, with_it, *after))
        assert not more or shown(case, level, given_owners=(*before, without, *after))


@given(cases(), levels, category_lists)
@settings(max_examples=100, deadline=None)
def test_adding_a_category_list_never_shows_more(case, level, lst):
    rules = case[3]
    more = replace(rules, lists=(*rules.lists, lst))
    assert shown(case, level) or not shown(case, level, given_rules=more)


@given(cases(), levels, st.integers(1, 4), st.sampled_from(["orange", "lemon", "search"]))
@settings(max_examples=100, deadline=None)
def test_adding_a_word_never_shows_more(case, level, rating, word):
    rules = case[3]
    more = replace(rules, words=WordIndex((*rules.words.rules, parse_word_line(word, rating))))
    assert shown(case, level) or not shown(case, level, given_rules=more)


@given(cases(), levels, st.integers(0, 4))
@settings(max_examples=100, deadline=None)
def test_adding_a_self_label_never_shows_more(case, level, rating):
    made = case[0]
    page = replace(made.page, self_labels=(*made.page.self_labels, SelfLabel(rating, "rta", False, "x", None)))
    assert shown(case, level) or not shown(case, level, given_facts=replace(made, page=page))


@given(st.sampled_from(PATHS), hosts, st.lists(owners, max_size=2), rulesets, levels, st.data())
@settings(max_examples=150, deadline=None)
def test_decoding_never_shows_more(path, host, case_owners, rules, level, data):
    """Some spelling of a URL that is blocked, its letters encoded once or twice, is blocked too."""
    plain = facts(f"http://{host}{path}")
    marks = data.draw(st.lists(st.sampled_from(["", "%", "%25"]), min_size=len(path), max_size=len(path)))
    spelled = "".join(f"{m}{ord(c):02x}" if m and c.isalpha() else c for c, m in zip(path, marks, strict=True))
    encoded = facts(f"http://{host}{spelled}")
    given_policy = policy_of_level(level, owners=tuple(case_owners))
    if settle(plain, given_policy, rules).blocked:
        assert settle(encoded, given_policy, rules).blocked


@given(cases(), levels)
@settings(max_examples=100, deadline=None)
def test_the_same_values_give_the_same_verdict_and_no_fact_is_asked_twice(case, level):
    made, answers, case_owners, rules, changes = case
    made_policy = policy_of_level(level, owners=case_owners, **changes)
    assert settle(made, made_policy, rules, answers.items()) == settle(made, made_policy, rules, answers.items())


@given(cases(), levels)
@settings(max_examples=150, deadline=None)
def test_rows_that_are_not_asked_of_a_host_that_no_table_names_had_nothing_to_say(case, level):
    """The short way for hosts that no table names gives the verdict of the whole walk."""
    made, answers, case_owners, rules, changes = case
    made_policy = policy_of_level(level, owners=case_owners, **changes)
    asked = replace(rules)
    object.__setattr__(asked, "names", NamedHosts(["*"]))
    short = settle(made, made_policy, rules, answers.items())
    assert short == settle(made, made_policy, asked, answers.items())


def test_every_level_is_in_the_table_once():
    assert [row.level for row in LEVELS] == [0, 1, 2, 3, 4]
    assert Action("block") is Action.BLOCK


def test_an_engine_that_cannot_be_locked_is_closed_but_never_to_a_search_for_help():
    label = Label(3, "rules/safesearch.yaml", "An engine", generic=True, engine=True)
    help_words = WordIndex([parse_word_line("being bullied", None)])
    rules = Ruleset(help_words=help_words, engines=ENGINES)
    for query, said in (("how+to+cook", "rating/engine-rating"), ("i+am+being+bullied", "search-words/help-words")):
        asked = facts(f"http://find.test/search?q={query}", (label,))
        assert check(settle(asked, policy(2), rules))[1] == said
