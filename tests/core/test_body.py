"""The text of a page: what is found in it, what that adds up to, and when it is asked for."""

import gzip
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.core.body import MAX_BODY, MAX_RELIEF, body_from, rating_of, score, texts_of
from sfs.core.decide import Step, decide
from sfs.core.facts import Body, Fact, Facts, Https, Kind, Need, Page
from sfs.core.label import NOT_LABELED, Label, LabelAnswer
from sfs.core.levels import LEVELS
from sfs.core.policy import Policy, paused, policy_of_level
from sfs.core.ruleset import Ruleset
from sfs.core.verdict import Verdict
from sfs.errors import Where
from sfs.match.phrases import Phrase, PhraseIndex, parse_phrase_line
from sfs.proxy.held import HeldBody
from sfs.text.url import name_url, parse_url
from tests.core.test_decide import NOW

HTML = (("content-type", "text/html"),)


def phrase(text: str, weight: int, rating: int | None = 3, line: int = 1) -> Phrase:
    made = parse_phrase_line(f"{text}\t{weight}", rating, Where("f.txt", line))
    assert made is not None
    return made


WIDGETS = [phrase(f"{colour} widget", 40, 3, n) for n, colour in enumerate(("blue", "red", "green", "white"), 1)]
HEALTH = phrase("health office", -30, None)
RULES = Ruleset(phrases=PhraseIndex([*WIDGETS, HEALTH]))
PAGE = b"<p>blue widget, red widget, green widget, white widget</p>"


def scanning(level: int, **changes: object) -> Policy:
    return policy_of_level(level, scan_body=True, **changes)


def asked(body: Body | None = None, url: str = "http://page.test/", **more) -> Facts:
    facts = Facts(parse_url(url), time=NOW, **more)
    facts = facts.with_labels(facts.url, NOT_LABELED).with_page(Page())
    return facts if body is None else facts.with_body(body)


def judged(page: bytes, policy: Policy, headers=HTML) -> Verdict:
    answer = decide(asked(body_from(headers, page, policy, RULES)), policy, RULES)
    assert isinstance(answer, Verdict)
    return answer


# What is asked, and when


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_text_is_asked_for_last_and_only_where_the_policy_says_so(level):
    need = decide(asked(), scanning(level), RULES)
    assert isinstance(need, Need)
    assert need.fact is Fact.BODY
    assert isinstance(decide(asked(), policy_of_level(level), RULES), Verdict)
    unseen = decide(replace(asked(), page=None, page_asked=False), scanning(level), RULES)
    assert isinstance(unseen, Need)
    assert unseen.fact is Fact.PAGE


def test_the_text_is_not_asked_for_where_it_could_change_nothing():
    rated = LabelAnswer((Label("own", 1, owner=0),))
    page_level = asked().with_labels(parse_url("http://page.test/"), rated)
    assert isinstance(decide(page_level, scanning(2), RULES), Verdict)
    assert isinstance(decide(asked(kind=Kind.SUBRESOURCE), scanning(2), RULES), Verdict)
    assert isinstance(decide(asked(), scanning(4), RULES), Verdict)
    assert decide(asked(), scanning(0), RULES).reason == "unrated"
    by_name = Facts(name_url("page.test", 443), Https.SNI, time=NOW)
    by_name = by_name.with_labels(by_name.url, NOT_LABELED)
    assert isinstance(decide(by_name, scanning(2), RULES), Verdict)
    assert isinstance(decide(asked(), paused(scanning(2), NOW), RULES), Verdict)


def test_the_trace_says_whether_the_text_was_looked_at():
    def said(facts: Facts, policy: Policy) -> str:
        trace: list[Step] = []
        decide(facts, policy, RULES, trace)
        return next(step.said for step in trace if step.check == "body-words")

    assert said(asked(), scanning(2)) == "needs body"
    assert said(asked(), policy_of_level(2)) == "off"
    assert said(asked(Body()), scanning(2)) == "no opinion"
    assert said(asked().with_body(None), scanning(2)) == "not asked"
    assert said(asked().with_page(None), scanning(2)) == "not asked"


# What it adds up to


def test_a_page_with_many_words_is_blocked_with_its_points_and_lines_and_none_of_its_words():
    verdict = judged(PAGE, scanning(2))
    assert (verdict.check, verdict.reason, verdict.rating) == ("body-words", "body-words", 3)
    assert verdict.source == "text: 160 points, limit 120: f.txt:1, f.txt:2, f.txt:3 and 1 more"
    assert not judged(PAGE, scanning(3)).blocked
    assert not judged(b"<p>" + b"blue widget, " * 100, scanning(2)).blocked


def test_the_limit_is_the_policys():
    assert judged(b"<p>blue widget", scanning(2, body_limit=40)).blocked
    assert not judged(PAGE, scanning(2, body_limit=161)).blocked


def test_scripts_are_added_up_apart_against_twice_the_limit():
    half = b"<p>blue widget, red widget</p><script>'green widget', 'white widget'</script>"
    assert not judged(half, scanning(2)).blocked
    script = b"<script>['blue widget', 'red widget', 'green widget', 'white widget']</script>"
    assert not judged(script, scanning(2)).blocked
    verdict = judged(script, scanning(2, body_limit=80))
    assert verdict.source == "scripts: 160 points, limit 160: f.txt:1, f.txt:2, f.txt:3 and 1 more"


def test_what_takes_away_is_bounded():
    three = b"<p>blue widget, red widget, green widget"
    assert judged(three, scanning(2)).blocked
    assert not judged(three + b"<p>health office", scanning(2)).blocked
    assert judged(PAGE + b"<p>health office", scanning(2)).blocked
    many = [phrase(f"good {n}", -30, None) for n in range(10)]
    assert score([*WIDGETS, *many], 2).points == 160 - MAX_RELIEF


def test_the_rating_is_the_highest_that_reaches_the_limit_alone():
    found = [phrase("aa", 60, 4), phrase("bb", 60, 3), phrase("cc", 60, 2)]
    assert rating_of(found, 1, 60) == 4
    assert rating_of(found, 1, 100) == 3
    assert rating_of(found, 1, 180) == 2
    assert rating_of(found, 1, 181) is None
    assert rating_of(found, 2, 180) is None


def test_own_words_count_beside_those_of_the_rules():
    own = PhraseIndex([phrase("yellow widget", 50, 2)])
    policy = scanning(1, phrases=own)
    assert [p.rating for p in body_from(HTML, PAGE + b"yellow widget", policy, RULES).visible] == [2, 3, 3, 3, 3]


@pytest.mark.parametrize(
    ("kind", "body", "visible", "script"),
    [
        ("text/plain", b"<p>blue widget", "<p>blue widget", ""),
        ("application/json", rb'{"a": "bl\u0075e\/"}', '{"a": "blue/"}', ""),
        ("text/html; charset=Shift_JIS", "<p>青い皿".encode("cp932"), "\n青い皿", ""),
        ("text/html", '<meta charset="euc-jp"><p>青い皿'.encode("euc_jp"), "\n青い皿", ""),
        ("text/html", "<p>青い皿は丸い".encode("iso2022_jp"), "\n青い皿は丸い", ""),
        ("application/xhtml+xml", b"<p>a</p><script>b</script>", "\na\n\n\n", "b"),
        (None, b"<p>a", "\na", ""),
    ],
)
def test_texts_of_a_response(kind, body, visible, script):
    assert texts_of(body, kind) == (visible, script)


# What always holds

PHRASES = st.builds(
    lambda n, weight, rating: Phrase(parse_phrase_line(f"p{n}\t1", 1).parts, weight, rating if weight > 0 else None),
    st.integers(0, 20),
    st.sampled_from([5, 20, 60, 150, -20, -80]),
    st.integers(1, 4),
)


@given(st.lists(PHRASES, max_size=12), st.sampled_from([40, 100, 150]))
def test_a_lower_level_never_shows_more(found, limit):
    points = [score(found, row.level).points for row in LEVELS]
    assert points == sorted(points, reverse=True)
    shown = [decide(asked(Body(tuple(found))), scanning(level, body_limit=limit), RULES) for level in (1, 2, 3)]
    assert [v.blocked for v in shown] == sorted((v.blocked for v in shown), reverse=True)
    by_level = [decide(asked(Body(tuple(found))), scanning(level), RULES).blocked for level in (1, 2, 3)]
    assert by_level == sorted(by_level, reverse=True)


def test_limits_do_not_fall_with_the_level():
    limits = [row.body_limit for row in LEVELS]
    assert limits == sorted(limits)


@given(st.lists(PHRASES, max_size=8), PHRASES, st.integers(1, 3))
def test_a_phrase_more_never_shows_more_unless_it_takes_away(found, more, level):
    before, after = (decide(asked(Body(tuple(p))), scanning(level), RULES) for p in (found, [*found, more]))
    if more.weight > 0:
        assert after.blocked >= before.blocked
    else:
        assert after.blocked <= before.blocked


@settings(max_examples=50)
@given(
    st.lists(
        st.sampled_from([b"<p>", b"blue ", b"wid", b"get ", b"<b>", "青".encode(), b"\xe9", b"<script>", b"&#98;"])
    ),
    st.lists(st.integers(0, 200), max_size=6),
    st.sampled_from([None, "gzip"]),
)
def test_what_is_found_does_not_depend_on_how_the_bytes_came(pieces, cuts, coding):
    page = b"".join(pieces) + PAGE
    sent = gzip.compress(page) if coding else page
    places = [0, *sorted(min(cut, len(sent)) for cut in cuts), len(sent)]
    held = HeldBody(coding)
    for start, end in pairwise(places):
        held.feed(sent[start:end])
    assert held.body() == page
    assert body_from(HTML, held.body(), scanning(2), RULES) == body_from(HTML, page, scanning(2), RULES)


@given(
    st.binary(max_size=300),
    st.sampled_from([None, "text/html", "text/plain", "application/json", "text/html; charset=x"]),
)
def test_any_bytes_give_a_body(data, kind):
    headers = () if kind is None else (("content-type", kind),)
    assert isinstance(body_from(headers, data, scanning(1), RULES), Body)


def test_what_is_read_is_bounded():
    assert body_from(HTML, b" " * MAX_BODY + PAGE, scanning(2), RULES) == Body()
