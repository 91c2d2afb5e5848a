"""Pages that carry other pages, through `decide` with the shipped table: at each level, by name, nested, allowed."""

import base64
from datetime import timedelta
from functools import cache
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from sfs.core.decide import MAX_CARRIED, MAX_WRAPPERS, decide
from sfs.core.facts import Facts, Https, Kind
from sfs.core.label import Label, LabelAnswer
from sfs.core.levels import Unrated
from sfs.core.page import Page
from sfs.core.policy import Policy, policy_of_level
from sfs.core.ruleset import MandatoryIndex, Ruleset
from sfs.core.verdict import Scope, Verdict
from sfs.text.unwrap import Wrappers
from sfs.text.url import name_url, parse_url
from tests.core.test_decide import NOW, check, entries, facts, owner, policy, settle

ROOT = Path(__file__).parents[2]
BLOCKED = "http://blocked.test/a"
CARRIED = quote(BLOCKED, safe="")


def xor2(text: str) -> str:
    return "".join(chr(ord(char) ^ 2) if at % 2 else char for at, char in enumerate(text))


FAMILIES = {
    "translator": f"https://translate.google.com/translate?sl=en&u={CARRIED}",
    "translator by host": "https://blocked-test.translate.goog/a?_x_tr_sl=en",
    "archive": f"https://web.archive.org/web/20200101000000if_/{BLOCKED}",
    "cache": "https://webcache.googleusercontent.com/search?q=cache:AbCdEf123-_x:blocked.test/a",
    "AMP": "https://blocked-test.cdn.ampproject.org/c/blocked.test/a",
    "reader": f"https://r.jina.ai/{BLOCKED}",
    "web proxy, percent": f"https://blog.test/proxy/{BLOCKED}",
    "web proxy, base64": "https://blog.test/browse.php?u=aHR0cDovL2Jsb2NrZWQudGVzdC9h&b=29",
    "web proxy, xor": f"https://blog.test/service/{quote(xor2(BLOCKED), safe='')}",
    "web proxy, hex": "https://blog.test/nph-proxy.cgi/000000A/" + b"http/blocked.test/a".hex(),
}
LINKS = {
    "redirect": f"https://www.google.com/url?q={CARRIED}",
    "redirect in base64": "https://www.bing.com/ck/a?p=1&u=a1aHR0cDovL2Jsb2NrZWQudGVzdC9h",
    "web proxy by rot13": "https://blog.test/index.php?q=uggc%3A%2F%2Foybpxrq.grfg%2Fn",
    "picture relay": "https://i0.wp.com/blocked.test/a?w=9",
}
NOT_THAT_PAGE = (
    f"https://blog.test/share?url={CARRIED}",
    f"https://blog.test/login?next={CARRIED}",
    f"https://www.facebook.com/sharer/sharer.php?u={CARRIED}",
    "https://b.hatena.ne.jp/entry/blocked.test/a",
)


@cache
def rules() -> Ruleset:
    return Ruleset(wrappers=Wrappers(yaml.safe_load((ROOT / "rules" / "wrappers.yaml").read_text("utf-8"))))


def at(level: int, url: str, *owners, **more: object) -> Verdict:
    """The verdict where nothing but the owners' entries blocks: unrated pages are shown at each level."""
    return settle(facts(url), policy(level, *owners, unrated=Unrated.SHOW, **more), rules())


@pytest.mark.parametrize("url", [*FAMILIES.values(), *LINKS.values()], ids=[*FAMILIES, *LINKS])
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_what_is_carried_is_judged_at_levels_1_to_4(level, url):
    blocks = owner(block=["blocked.test"])
    assert check(at(level, url, blocks)) == ("block", "entry/own-block")
    assert not at(level, url).blocked
    other = owner(block=["other.test"])
    assert not at(level, url, other).blocked


@pytest.mark.parametrize("url", FAMILIES.values(), ids=FAMILIES)
def test_at_level_0_what_shows_another_page_is_blocked_whichever_it_is(url):
    assert check(at(0, url)) == ("block", "subscribed/wrapper")


@pytest.mark.parametrize("url", LINKS.values(), ids=LINKS)
def test_at_level_0_links_and_pictures_are_judged(url):
    """A link's target comes as a request of its own; the results of an allowed engine must work."""
    assert not at(0, url).blocked
    assert check(at(0, url, owner(block=["blocked.test"]))) == ("block", "entry/own-block")


@pytest.mark.parametrize("url", NOT_THAT_PAGE)
@pytest.mark.parametrize("level", range(5))
def test_a_page_that_names_another_is_not_that_page(level, url):
    assert not at(level, url, owner(block=["blocked.test"])).blocked


@pytest.mark.parametrize("url", [*FAMILIES.values(), *LINKS.values()], ids=[*FAMILIES, *LINKS])
def test_level_4_asks_lists_and_no_rating(url):
    rated = {BLOCKED: LabelAnswer((Label(4, "b"),)), BLOCKED.replace("http:", "https:"): LabelAnswer((Label(4, "b"),))}
    shown = settle(facts(url), policy(4), rules(), rated.items())
    closed = settle(facts(url), policy(3), rules(), rated.items())
    assert (shown.blocked, closed.blocked) == (False, True)


@pytest.mark.parametrize("url", FAMILIES.values(), ids=FAMILIES)
def test_an_allowed_wrapper_does_not_open_what_is_blocked_inside(url):
    host = parse_url(url).host
    opened = owner(allow=[f"={host}"], block=["blocked.test"])
    assert at(2, url, opened).blocked
    assert not at(0, url, owner(allow=[f"={host}"])).blocked
    inside = owner(allow=["blocked.test"])
    assert check(at(0, url, inside)) == ("block", "subscribed/wrapper")


def test_a_mandatory_list_closes_what_is_carried():
    law = Ruleset(wrappers=rules().wrappers, mandatory=(MandatoryIndex("law", "7", entries("blocked.test")),))
    for url in FAMILIES.values():
        assert check(settle(facts(url), policy(4), law)) == ("block", "mandatory/mandatory")


@pytest.mark.parametrize("kind", list(Kind))
def test_parts_of_a_page_are_unwrapped_as_documents_are(kind):
    url = "https://blog.test/_next/image?url=" + CARRIED
    made = facts(url, kind=kind)
    assert settle(made, policy(2, owner(block=["blocked.test"])), rules()).blocked
    assert not settle(made, policy(2), rules()).blocked
    relay = f"https://corsproxy.io/?{CARRIED}"
    assert settle(facts(relay, kind=kind), policy(2, owner(block=["blocked.test"])), rules()).blocked


@pytest.mark.parametrize("level", range(5))
def test_by_name_a_host_that_only_wraps_is_blocked_at_0_to_2(level):
    def by_name(host: str, *owners) -> Verdict:
        made = Facts(name_url(host, 443), Https.SNI, time=NOW, page=Page())
        return settle(made, policy(level, *owners, unrated=Unrated.SHOW), rules())

    for host in ("web.archive.org", "r.jina.ai", "www.croxyproxy.com", "a-test.translate.goog", "x.onion.ws"):
        assert by_name(host).blocked is (level <= 2), host
    for host in ("www.google.com", "l.facebook.com", "i0.wp.com", "translate.google.com"):
        assert not by_name(host).blocked, host
    # The name says which site Google's translator shows; at 3 and 4 it is judged.
    assert by_name("blocked-test.translate.goog", owner(block=["blocked.test"])).blocked


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize(
    "url",
    [
        "https://www.croxyproxy.com/",
        "https://blog.test/browse.php?u=x6gTz0qLwPmM2Vb8nR1sYkU%3D&b=29",
        "https://blog.test/cgi-bin/nph-proxy.cgi/000000A/x7s8f6",
        "https://www.startpage.com/do/proxy?ep=AbCdEfGhIjKlMnOpQr",
        "https://x.onion.ws/a",
    ],
)
def test_what_hides_its_page_is_blocked_at_0_to_2(level, url):
    verdict = at(level, url)
    assert verdict.blocked is (level <= 2)
    assert not verdict.blocked or check(verdict)[1] == "subscribed/wrapper"


def test_a_translator_in_an_archive_in_a_redirect():
    translated = f"https://translate.google.com/translate?u={CARRIED}"
    archived = f"https://web.archive.org/web/2020/{translated}"
    url = f"https://www.google.com/url?q={quote(archived, safe='')}"
    assert at(2, url, owner(block=["blocked.test"])).blocked
    assert not at(2, url).blocked
    assert check(at(0, url)) == ("block", "subscribed/wrapper")


@pytest.mark.parametrize("depth", range(1, MAX_WRAPPERS + 3))
def test_what_is_nested_too_deep_is_blocked_and_nothing_opens_before(depth):
    url = BLOCKED
    for _ in range(depth):
        url = f"https://12ft.io/{url}"
    assert at(3, url, owner(block=["blocked.test"])).blocked
    assert at(3, url).blocked is (depth > MAX_WRAPPERS)


def test_what_carries_more_than_is_judged_is_blocked():
    fields = "&".join(f"u={quote(f'http://{number}.test/', safe='')}" for number in range(MAX_CARRIED + 9))
    names = [f"u{number}" for number in range(MAX_CARRIED + 9)]
    many = Wrappers([{"name": "x", "hosts": "w.test", "params": names}])
    url = "http://w.test/?" + "&".join(f"{name}=http://{name}.test/" for name in names)
    assert check(settle(facts(url), policy(3), Ruleset(wrappers=many))) == ("block", "subscribed/wrapper")
    assert check(at(3, f"https://translate.google.com/translate?{fields}")) == ("block", "subscribed/wrapper")


def test_what_is_coded_too_often_to_be_read_is_blocked_where_a_service_may_read_it():
    deep = "http://blocked.test/%" + "25" * 20 + "61"
    url = "https://blog.test/browse.php?u=" + base64.urlsafe_b64encode(deep.encode()).decode()
    assert check(at(3, url)) == ("block", "subscribed/wrapper")
    assert not at(3, "https://12ft.io/http://ex ample.test/").blocked, "no service opens this"


def test_a_long_url_costs_a_bounded_number_of_walks():
    url = "https://blog.test" + "/proxy/https://blog.test/main/https://blog.test" * 1000
    steps: list[object] = []
    answer = decide(facts(url), policy_of_level(4), rules(), steps)
    assert isinstance(answer, Verdict) and answer.blocked
    assert sum(step.check == "own" for step in steps) <= MAX_CARRIED + 1  # type: ignore[attr-defined]


def test_a_page_that_carries_itself_is_judged_once():
    assert not at(2, "https://blog.test/proxy/https://blog.test/").blocked


def test_a_verdict_from_inside_says_nothing_of_the_outer_host():
    verdict = at(2, FAMILIES["archive"], owner(block=["blocked.test"]))
    assert verdict.blocked and verdict.scope is Scope.URL


def test_a_page_is_shown_no_longer_than_what_it_carries():
    soon, late = NOW + timedelta(hours=1), NOW + timedelta(hours=9)
    url = FAMILIES["archive"]
    labels = {BLOCKED: LabelAnswer((Label(1, "b", until=soon),)), url: LabelAnswer((Label(1, "b", until=late),))}
    assert settle(facts(url), policy(2), rules(), labels.items()).valid_until in (None, soon)
    made = facts(url, labels=(Label(1, "b", until=late),))
    assert settle(made, policy(2), rules(), labels.items()).valid_until == soon


def test_a_help_line_behind_a_translator_is_not_recorded():
    helped = Ruleset(wrappers=rules().wrappers, help_hosts=entries("help.test"))
    pol: Policy = policy(2)
    assert (
        settle(facts("https://translate.google.com/translate?u=http%3A%2F%2Fhelp.test%2F"), pol, helped).record is False
    )
    assert settle(facts("https://translate.google.com/translate?u=http%3A%2F%2Fother.test%2F"), pol, helped).record
