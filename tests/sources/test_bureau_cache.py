"""What bureaus said, by clocks that the test sets; and the breaker that stops waiting for them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.pics.options import Options
from sfs.pics.safetyonline import SERVICE
from sfs.sources.bureau_answer import RatedPrefix, Told, rated_prefix
from sfs.sources.bureau_breaker import FAILURES, FIRST, MOST, Breaker
from sfs.sources.bureau_cache import Cache, seconds_of
from sfs.sources.bureau_query import Opt, Question, cost, query_of, whole_host, whole_url
from sfs.text.url import parse_url
from tests.sources.fake_bureau import question_of

NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock) -> Cache:
    return Cache(clock=clock)


def label(rating: int, for_: str, *, generic: bool = False, **more: object) -> RatedPrefix:
    made = rated_prefix(SERVICE, (("lv", float(rating)),), Options(for_=for_, generic=generic, **more), for_)
    assert made is not None
    return made


def put(cache: Cache, url: str, *labels: RatedPrefix, seconds: float = 100) -> None:
    cache.put(Question(Opt.NORMAL, url), parse_url(url), Told(labels), seconds)


def get(cache: Cache, url: str, now: datetime = NOW, opt: Opt = Opt.NORMAL):
    return cache.get(Question(opt, url), parse_url(url), now)


def ratings(cache: Cache, url: str, now: datetime = NOW) -> list[int] | None:
    """The ratings that count, None where the page is to be asked for."""
    known = get(cache, url, now)
    return None if known is None or not known.valid else [one.rating for one in known.told.labels]


def test_an_answer_is_fresh_then_refreshed_then_asked_for_then_only_closes(cache, clock):
    put(cache, "http://a.test/x", label(3, "http://a.test/x"))
    states = []
    for seconds in (0, 49, 51, 99, 101, 80_000, 90_000):
        clock.now = 1000.0 + seconds
        known = get(cache, "http://a.test/x")
        states.append(None if known is None else (known.fresh, known.valid, len(known.told.labels)))
    fresh, old, out = (True, True, 1), (False, True, 1), (False, False, 1)
    assert states == [fresh, fresh, old, old, out, out, None]


def test_not_labeled_is_known_too(cache):
    assert ratings(cache, "http://a.test/x") is None
    put(cache, "http://a.test/x")
    assert ratings(cache, "http://a.test/x") == []


def test_a_generic_label_of_one_page_leaves_the_next_to_be_asked_for(cache, clock):
    put(cache, "http://a.test/1", label(1, "http://a.test/", generic=True))
    put(cache, "http://a.test/x/1", label(3, "http://a.test/x/", generic=True))
    for url, closing in (("http://a.test/y", [1]), ("http://a.test/x/2", [3])):
        known = get(cache, url)
        assert (known.fresh, known.valid, [one.rating for one in known.told.labels]) == (False, False, closing)
    assert get(cache, "http://a.test.evil.test/") is None
    assert get(cache, "http://a.test:8080/") is None


def test_what_was_said_of_a_whole_site_may_close_its_pages_after_its_time(cache, clock):
    put(cache, "http://a.test/1", label(4, "http://a.test/", generic=True))
    cache.put_tree(parse_url("http://b.test/"), Told((label(3, "http://b.test/x/", generic=True),)), 100)
    clock.now += 101
    for url, rated in (("http://a.test/2", [4]), ("http://b.test/x/y", [3])):
        known = get(cache, url)
        assert (known.valid, [one.rating for one in known.told.labels]) == (False, rated)
    assert get(cache, "http://b.test/y") is None


def test_what_was_said_of_a_page_stands_before_a_generic_label(cache):
    put(cache, "http://a.test/1", label(1, "http://a.test/", generic=True))
    put(cache, "http://a.test/bad", label(4, "http://a.test/bad"))
    put(cache, "http://a.test/none")
    assert [ratings(cache, f"http://a.test/{page}") for page in ("bad", "none", "other")] == [[4], [], None]


def test_a_whole_host_is_judged_by_the_rules_of_precedence(cache, clock):
    told = (
        label(1, "http://a.test/", generic=True),
        label(2, "http://a.test/x/", generic=True),
        label(4, "http://a.test/x/bad"),
        label(0, "http://a.test/y", on=NOW),
        label(3, "http://a.test/y", on=NOW + timedelta(days=1)),
    )
    cache.put_tree(parse_url("http://a.test/"), Told(told), 100)
    pages = ("", "z", "x/", "x/bad", "x/bad2", "y", "y/z")
    assert [ratings(cache, f"http://a.test/{page}") for page in pages] == [[1], [1], [2], [4], [2], [3], [1]]
    assert get(cache, "http://a.test/", opt=Opt.GENERIC).told.labels == (told[0],)
    clock.now += 101
    assert ratings(cache, "http://a.test/x/bad") is None


def test_a_host_without_labels_is_asked_no_more(cache):
    cache.put_tree(parse_url("http://a.test/"), Told(), 100)
    assert ratings(cache, "http://a.test/any") == []
    assert ratings(cache, "http://b.test/any") is None


def test_a_label_counts_until_its_end_whatever_the_clock_of_the_wall_does(cache):
    put(cache, "http://a.test/x", label(4, "http://a.test/x", until=NOW + timedelta(hours=1)))
    assert ratings(cache, "http://a.test/x") == [4]
    assert ratings(cache, "http://a.test/x", NOW + timedelta(hours=2)) is None  # set forward: asked again
    assert ratings(cache, "http://a.test/x", NOW - timedelta(days=900)) == [4]  # set back: our own clock goes on


def test_an_answer_is_kept_no_longer_than_anybody_allows():
    one = Told((label(1, "http://a.test/", until=NOW + timedelta(seconds=30)),))
    assert seconds_of(one, 100, 10, None, NOW) == 30
    assert seconds_of(one, 100, 10, 20, NOW) == 20
    assert seconds_of(one, 25, 10, None, NOW) == 25
    assert seconds_of(Told(), 100, 10, None, NOW) == 10
    assert seconds_of(one, 100, 10, 0, NOW) == 1
    assert seconds_of(one, 100, 10, None, NOW + timedelta(days=1)) == 1


def test_it_holds_no_more_than_its_size(clock):
    cache = Cache(10, clock)
    for number in range(50):
        put(cache, f"http://a{number}.test/", label(1, f"http://a{number}.test/", generic=True))
    assert sum(get(cache, f"http://a{number}.test/") is not None for number in range(50)) == 10
    none = Cache(0, clock)
    put(none, "http://a.test/", label(1, "http://a.test/", generic=True))
    none.put_tree(parse_url("http://a.test/"), Told(), 100)
    assert get(none, "http://a.test/") is None


# --- the breaker


def test_after_a_few_failures_nobody_waits_and_one_question_is_tried(clock):
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        assert breaker.waits and breaker.may_ask()
        breaker.asks()
        breaker.failed()
    assert not breaker.waits and not breaker.may_ask()
    clock.now += FIRST
    assert breaker.may_ask()
    breaker.asks()
    assert not breaker.may_ask() and not breaker.waits  # half open: one is under way
    breaker.answered()
    assert breaker.waits and breaker.may_ask()


def test_a_try_that_fails_is_followed_by_a_longer_pause(clock):
    breaker = Breaker(clock)
    pauses = []
    for _ in range(FAILURES):
        breaker.failed()
    for _ in range(8):
        begin = clock.now
        while not breaker.may_ask():
            clock.now += 0.5
        pauses.append(clock.now - begin)
        breaker.asks()
        breaker.failed()
    assert pauses == [1, 2, 4, 8, 16, MOST, MOST, MOST]


def test_one_failure_between_answers_opens_nothing(clock):
    breaker = Breaker(clock)
    for _ in range(20):
        breaker.failed()
        breaker.failed()
        breaker.answered()
    assert breaker.waits


def test_who_answers_late_is_asked_on_but_not_waited_for(clock):
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.failed()
    breaker.late()
    assert breaker.may_ask() and not breaker.waits
    breaker.asks()
    breaker.answered()
    assert breaker.waits


# --- what is asked


def test_the_question_is_written_as_the_standard_says():
    assert query_of(Opt.GENERIC, ["http://www.questionable.test/images"], "http://www.gcf.test/ratings") == (
        "opt=generic&format=full&u=%22http%3A%2F%2Fwww.questionable.test%2Fimages%22"
        "&s=%22http%3A%2F%2Fwww.gcf.test%2Fratings%22"
    )
    assert "s=" not in query_of(Opt.NORMAL, ["http://a.test/"], None)


@given(
    st.lists(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"'), min_size=1))
)
def test_a_bureau_reads_the_urls_that_were_asked(urls):
    query = query_of(Opt.NORMAL, urls, "http://s.test/")
    assert query.isascii()
    for read in (question_of(f"GET /r?{query} HTTP/1.1", ""), question_of("POST /r HTTP/1.1", query)):
        assert (read.urls, read.services) == (urls, ["http://s.test/"])
    assert all(cost(url) >= len(url) for url in urls)


@given(st.text(max_size=60), st.text(max_size=20))
def test_each_form_is_asked_in_a_spelling_that_means_it(path, query):
    url = parse_url(f"https://a.test/{path}?{query}")
    asked = [parse_url(question.url) for question in whole_url(url)]
    assert asked[0].forms[0] == url.forms[0] and asked[0].scheme == "http"
    assert url.decoded in [one.decoded for one in asked]
    assert all(question.url.isascii() for question in whole_url(url))


def test_a_host_is_asked_without_anything_behind_it():
    (question,) = whole_host(parse_url("https://a.test:8443/secret?q#x"))
    assert question == (Opt.GENERIC, "http://a.test:8443/")
