"""Bureaus as a source of labels: a filter that asks a real HTTP server on loopback."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sfs.core.facts import Facts, Https
from sfs.core.policy import Policy, policy_of_level
from sfs.core.verdict import Verdict
from sfs.sources.bureaus import Bureaus
from sfs.sources.config import load_config
from sfs.sources.filter import Filter, load_filter
from sfs.sources.subscriptions import Ask, BureauSource
from sfs.sources.waiting import judged, judged_here
from sfs.text.url import name_url, parse_url
from tests.sources.fake_bureau import SO2, FakeBureau, response, until

LONG = timedelta(seconds=20)  # a timeout that no test means


@pytest.fixture
def bureau():
    with FakeBureau() as running:
        yield running


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Filter:
    """The filter without bureaus, loaded once."""
    return load_filter(load_config(None, {"level": "2", "default_lists": "false"}, tmp_path_factory.mktemp("state")))


@pytest.fixture
def asking(plain):
    """A filter that asks these sources."""
    made: list[Bureaus] = []

    def make(*sources: BureauSource) -> Filter:
        from dataclasses import replace

        made.append(Bureaus(sources))
        return replace(plain, bureaus=made[-1])

    yield make
    for bureaus in made:
        bureaus.close()
        until(lambda bureaus=bureaus: bureaus._loop is None or bureaus._loop.is_closed())


def source(bureau: FakeBureau, **more: object) -> BureauSource:
    values = {"ask": Ask.URL, "timeout": LONG, "service": SO2} | more
    return BureauSource(bureau.url, **values)  # type: ignore[arg-type]


def ask(
    filter_: Filter, url: str, policy: Policy | int = 2, *, by_name: bool = False, form: bytes | None = None
) -> Verdict:
    policy = policy_of_level(policy) if isinstance(policy, int) else policy
    seen = name_url(parse_url(url).host) if by_name else parse_url(url)
    facts = Facts(seen, Https.SNI if by_name else Https.INSPECT, form=form, time=datetime.now().astimezone())
    verdict, _ = judged_here(filter_, facts.with_page(None), policy)
    assert isinstance(verdict, Verdict)
    return verdict


# --- what is asked, and what comes of it


def test_a_page_above_the_level_is_closed_and_the_verdict_names_label_and_bureau(bureau, asking):
    bureau.labels["http://site.test/bad.html"] = 'by "rater" r (lv 4)'
    filter_ = asking(source(bureau))
    verdict = ask(filter_, "https://site.test/bad.html")
    assert (verdict.check, verdict.reason, verdict.rating) == ("rating", "label-rating", 4)
    assert verdict.source == (
        f"bureau 127.0.0.1:{bureau.port} SafetyOnline2: SafetyOnline2 for http://site.test/bad.html by rater"
    )
    assert not ask(filter_, "https://site.test/other.html").blocked
    first = bureau.asked[0]
    assert (first.method, first.opt, first.urls, first.services) == (
        "GET",
        "normal",
        ["http://site.test/bad.html"],
        [SO2],
    )
    assert "opt=normal&format=full&u=%22http%3A%2F%2Fsite.test%2Fbad.html%22&s=%22http%3A%2F%2F" in first.head


def test_a_remote_bureau_learns_scheme_and_host_alone(bureau, asking):
    bureau.labels["http://site.test/"] = "gen true r (lv 4)"
    filter_ = asking(source(bureau, ask=Ask.HOST))
    assert ask(filter_, "https://site.test/very/private?name=anna").blocked
    assert ask(filter_, "http://site.test/another").blocked
    assert {(q.opt, *q.urls) for q in bureau.asked} == {("generic", "http://site.test/")}
    assert not any("private" in q.head or "anna" in q.head for q in bureau.asked)


def test_by_name_the_host_is_asked(bureau, asking):
    bureau.labels["http://site.test/"] = "gen true r (lv 4)"
    bureau.labels["http://front.test/"] = "r (lv 4)"  # of its first page alone
    filter_ = asking(source(bureau))
    assert ask(filter_, "https://site.test/", by_name=True).blocked
    assert not ask(filter_, "https://front.test/", by_name=True).blocked


def test_every_reading_of_a_url_is_asked(bureau, asking):
    bureau.labels["http://site.test/bad/page"] = "r (lv 4)"
    filter_ = asking(source(bureau))
    assert ask(filter_, "http://site.test/b%61d/page").blocked
    assert ask(filter_, "http://site.test/x/%2e%2e/bad%2Fpage").blocked
    assert ask(filter_, "http://site.test/bad/page;x=1").blocked


def test_a_low_rating_counts_only_where_it_covers_every_reading(bureau, asking):
    bureau.labels["http://site.test/a/b"] = "r (lv 0)"
    filter_ = asking(source(bureau))
    assert ask(filter_, "http://site.test/a%2Fb", 0).reason == "unrated"
    bureau.labels["http://other.test/"] = "gen true r (lv 0)"
    assert ask(filter_, "http://other.test/a%2Fb", 0).reason == "rated-shown"


def test_a_page_inside_another_is_asked_for_too(bureau, asking):
    bureau.labels["http://inner.test/"] = "gen true r (lv 4)"
    filter_ = asking(source(bureau))
    assert ask(filter_, "https://translate.google.com/translate?u=http://inner.test/a").blocked
    assert "http://inner.test/a" in bureau.urls()


def test_other_services_are_mapped_and_the_strictest_counts(bureau, asking):
    bureau.reply = lambda question, _: response(
        f'(PICS-1.1 "http://www.rsac.org/ratingsv01.html" l r (n 0 s 0 v 3 l 0) "{SO2}" l r (lv 1))'
    )
    verdict = ask(asking(source(bureau, service=None)), "http://site.test/")
    assert (verdict.blocked, verdict.rating) == (True, 3)
    assert "RSACi" in (verdict.source or "")
    assert bureau.asked[0].services == []


def test_two_bureaus_disagree_and_the_higher_rating_counts(bureau, asking):
    with FakeBureau() as other:
        bureau.labels["http://site.test/"], other.labels["http://site.test/"] = "gen true r (lv 1)", "gen true r (lv 3)"
        assert ask(asking(source(bureau), source(other)), "http://site.test/x").rating == 3
        assert ask(asking(source(other), source(bureau)), "http://site.test/x", 3).rating == 3


def test_a_bureau_that_is_not_trusted_may_close_but_not_open(bureau, asking):
    bureau.labels |= {"http://low.test/": "gen true r (lv 0)", "http://high.test/": "gen true r (lv 4)"}
    filter_ = asking(source(bureau, trust=False))
    assert ask(filter_, "http://low.test/", 0).reason == "unrated"
    assert ask(filter_, "http://high.test/", 0).reason == "label-rating"


def test_an_own_rating_is_the_last_word_and_nobody_is_asked(bureau, asking, tmp_path):
    (tmp_path / "own.yaml").write_text("level: 2\ndefault_lists: false\nratings: {site.test: 1}\n")
    own = load_filter(load_config(tmp_path / "own.yaml", {}, tmp_path))
    bureau.labels["http://site.test/"] = "gen true r (lv 4)"
    from dataclasses import replace

    filter_ = replace(own, bureaus=asking(source(bureau)).bureaus)
    assert not ask(filter_, "http://site.test/x", own.policies.default).blocked
    assert not bureau.asked


# --- what is nobody's business


@pytest.mark.parametrize(
    "url",
    [
        *("http://sfs.home.arpa/", "http://printer/", "http://nas.local/", "http://192.168.1.1/", "http://[fd00::1]/x"),
        *("http://10.0.0.1:8080/", "http://wiki.internal/", "http://listed.probe.sfs.home.arpa/", "http://192.0.2.33/"),
        *("https://www.childhelp.org/", "http://localhost/a"),
    ],
)
def test_names_inside_and_help_lines_are_told_to_nobody(bureau, asking, url):
    filter_ = asking(source(bureau, ask=Ask.URL))
    ask(filter_, url)
    ask(filter_, url, by_name=True)
    assert not bureau.asked


@pytest.mark.parametrize(
    "url",
    [
        "https://www.google.com/search?q=i+want+to+die",
        "https://translate.google.com/translate?u=https://www.childhelp.org/chat",
        "http://site.test/read?u=https://www.childhelp.org/chat",
        "https://web.archive.org/web/2020/https://www.childhelp.org/chat",
    ],
)
def test_searches_for_help_and_what_carries_help_lines_are_not_told(bureau, asking, url):
    ask(asking(source(bureau)), url)
    assert not [url for url in bureau.urls() if "die" in url or "childhelp" in url]
    assert not any("childhelp" in question.head or "die" in question.head for question in bureau.asked)


def test_a_help_line_behind_its_address_does_not_open_a_page(bureau, asking):
    bureau.labels["http://site.test/bad/"] = "gen true r (lv 4)"
    assert ask(asking(source(bureau)), "http://site.test/bad/x?u=https://www.childhelp.org/").blocked


def test_what_an_entry_decides_is_not_asked(bureau, asking, tmp_path):
    (tmp_path / "own.yaml").write_text("level: 2\ndefault_lists: false\nblock: [shut.test]\nallow: [open.test]\n")
    own = load_filter(load_config(tmp_path / "own.yaml", {}, tmp_path))
    from dataclasses import replace

    filter_ = replace(own, bureaus=asking(source(bureau)).bureaus)
    assert ask(filter_, "http://shut.test/", own.policies.default).blocked
    assert not ask(filter_, "http://open.test/", own.policies.default).blocked
    assert not bureau.asked


def test_where_no_rating_closes_anything_nobody_is_asked(bureau, asking):
    assert not ask(asking(source(bureau)), "http://site.test/", 4).blocked
    assert not bureau.asked


# --- bureaus that are away


def test_a_bureau_that_is_away_is_the_levels_word_and_closes_no_part_of_a_page(asking):
    gone = FakeBureau()
    with gone:
        pass
    filter_ = asking(source(gone, timeout=timedelta(seconds=5)))
    assert ask(filter_, "http://site.test/", 0).reason == "bureau-away"
    assert not ask(filter_, "http://site.test/", 1).blocked


def test_who_hangs_holds_nobody_up_longer_than_its_time(bureau, asking):
    bureau.wait = threading.Event()
    filter_ = asking(source(bureau, timeout=timedelta(milliseconds=200)))

    async def all_at_once() -> list[float]:
        async def one(number: int) -> float:
            begin = time.monotonic()
            url = parse_url(f"https://translate.google.com/translate?u=http://a{number}.test/")
            facts = Facts(url, time=datetime.now().astimezone(), page_asked=True)
            verdict, _ = await judged(filter_, facts, policy_of_level(0))
            assert isinstance(verdict, Verdict) and verdict.blocked
            return time.monotonic() - begin

        return await asyncio.gather(*(one(number) for number in range(20)))

    took = asyncio.run(all_at_once())
    assert len(took) == 20 and max(took) < 15  # twenty that wait one after another, and each twice, would take longer
    number = iter(range(1000))
    until(
        lambda: not filter_.bureaus.bureaus[0]._breaker.waits or ask(filter_, f"http://b{next(number)}.test/") is None
    )


def test_what_nobody_waited_for_is_kept(bureau, asking):
    bureau.wait, bureau.labels["http://site.test/"] = threading.Event(), "gen true r (lv 4)"
    filter_ = asking(source(bureau, timeout=timedelta(milliseconds=100)))
    assert not ask(filter_, "http://site.test/").blocked
    bureau.wait.set()
    until(lambda: ask(filter_, "http://site.test/").blocked)


def test_a_bureau_that_is_back_is_found_out(bureau, asking):
    filter_ = asking(source(bureau, timeout=timedelta(seconds=5)))
    bureau.labels["http://site.test/"] = "gen true r (lv 4)"
    bureau.stop()
    for number in range(4):
        assert ask(filter_, f"http://a{number}.test/", 0).reason == "bureau-away"
    assert not filter_.bureaus.bureaus[0]._breaker.waits
    with FakeBureau(bureau.labels, port=bureau.port):
        until(lambda: ask(filter_, "http://site.test/").blocked)
        assert filter_.bureaus.bureaus[0]._breaker.waits


def test_what_was_closed_stays_closed_while_the_bureau_is_away_and_what_was_open_does_not(bureau, asking):
    bureau.labels |= {"http://shut.test/": "gen true r (lv 3)", "http://open.test/": "gen true r (lv 0)"}
    filter_ = asking(source(bureau, keep=timedelta(seconds=1), timeout=timedelta(seconds=5)))
    assert ask(filter_, "http://shut.test/").blocked
    assert ask(filter_, "http://open.test/", 0).reason == "rated-shown"
    bureau.stop()
    until(lambda: ask(filter_, "http://open.test/", 0).reason == "bureau-away")
    verdict = ask(filter_, "http://shut.test/")
    assert (verdict.blocked, verdict.rating) == (True, 3)


# --- the cache


def test_a_page_opens_and_closes_with_its_label_within_its_time(bureau, asking):
    filter_ = asking(source(bureau, keep=timedelta(seconds=1)))
    for rating in (0, 4, 1):
        bureau.labels["http://site.test/page"] = f"r (lv {rating})"
        begin = time.monotonic()
        until(lambda rating=rating: ask(filter_, "http://site.test/page").rating == rating)
        assert time.monotonic() - begin < 15


def test_what_is_known_is_not_asked_again(bureau, asking):
    bureau.labels["http://site.test/a"] = "r (lv 1)"
    filter_ = asking(source(bureau))
    for _ in range(5):
        ask(filter_, "http://site.test/a")
        ask(filter_, "http://none.test/")
    assert sorted(bureau.urls()) == ["http://none.test/", "http://site.test/a"]


def test_a_generic_label_serves_all_its_pages_and_hides_no_single_one(bureau, asking):
    bureau.labels |= {"http://site.test/": "gen true r (lv 1)", "http://site.test/bad": "r (lv 4)"}
    bureau.labels["http://site.test/kids/"] = "gen true r (lv 0)"
    filter_ = asking(source(bureau))
    assert ask(filter_, "http://site.test/first").rating == 1
    until(lambda: ask(filter_, "http://site.test/bad").blocked)  # once the tree of the host is there
    asked = len(bureau.asked)
    for number in range(50):
        assert ask(filter_, f"http://site.test/page{number}").rating == 1
        assert ask(filter_, f"http://site.test/kids/{number}").rating == 0
    assert len(bureau.asked) == asked <= 4


def no_tree(bureau: FakeBureau, answer: str | None) -> None:
    """A bureau that tells no tree of a host: with an answer of its own, or refusing such a question."""

    def reply(question, sock):
        if question.opt != "tree":
            return response(bureau.list_for(question), bureau.fields)
        return response(answer) if answer else b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"

    bureau.reply = reply


@pytest.mark.parametrize("kind", ["more than are kept", "denied", "refused"])
def test_without_the_tree_of_a_host_a_generic_label_hides_no_single_page(bureau, asking, kind):
    host = "http://site.test/"
    bureau.labels |= {host: "gen true r (lv 0)", f"{host}adult/": "gen true r (lv 4)", f"{host}bad": "r (lv 4)"}
    if kind == "more than are kept":
        bureau.labels |= {f"{host}page{number}": "r (lv 1)" for number in range(300)}
    else:
        denied = f'(PICS-1.1 "{SO2}" l error (request-denied "{host}" "too many"))'
        no_tree(bureau, denied if kind == "denied" else None)
    filter_ = asking(source(bureau))
    assert ask(filter_, f"{host}first").rating == 0
    until(lambda: any(question.opt == "tree" for question in bureau.asked))
    for page, rating in (("bad", 4), ("adult/x", 4), ("next", 0), ("bad", 4)):
        assert ask(filter_, host + page).rating == rating
    assert len(bureau.urls()) == 4  # each page once


def test_what_one_service_says_of_a_page_hides_nothing_it_says_of_the_site(bureau, asking):
    rsac, host = "http://www.rsac.org/ratingsv01.html", "http://www.site.test/"
    site = 'gen true for "http://www.site.test/"'  # of the parent domain and all below: no part of the tree

    def reply(question, _):
        parts = []
        for service in (SO2, rsac):
            said = {("normal", f"{host}first"): f"{site} r (lv 0)" if service == SO2 else "r (n 0)"}
            tree = f"({site} r (lv 0))" if service == SO2 else f'(for "{host}first" r (n 0))'
            other = tree if question.opt == "tree" else f"{site} r ({'lv 0' if service == SO2 else 'n 4'})"
            entries = (said.get((question.opt, url), other) for url in question.urls)
            parts.append(f'"{service}" l {" ".join(entries)}')
        return response(f"(PICS-1.1 {' '.join(parts)})")

    bureau.reply = reply
    filter_ = asking(source(bureau, service=None))
    assert ask(filter_, f"{host}first").rating == 0
    (client,) = filter_.bureaus.bureaus
    until(lambda: "www.site.test" in client._cache._hosts and client._cache._hosts["www.site.test"].whole)
    assert ask(filter_, f"{host}next").rating == 4


def test_a_bureau_without_trees_is_not_taken_for_one_that_is_away(bureau, asking):
    no_tree(bureau, None)
    for number in range(12):
        bureau.labels[f"http://s{number}.test/"] = "gen true r (lv 1)"
    filter_ = asking(source(bureau))
    for number in range(12):
        for page in ("a", "b"):
            assert ask(filter_, f"http://s{number}.test/{page}").rating == 1
    (client,) = filter_.bureaus.bureaus
    until(lambda: client.counts["no tree"] > 3)
    assert client._breaker.waits and client.counts["status 400"] == 0


def test_of_one_url_no_two_questions_are_under_way(bureau, asking):
    bureau.wait = threading.Event()
    filter_ = asking(source(bureau))
    threads = [threading.Thread(target=ask, args=(filter_, "http://site.test/")) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: bureau.asked)
    bureau.wait.set()
    for thread in threads:
        thread.join(20)
    assert bureau.urls() == ["http://site.test/"]


def test_look_ups_that_come_together_go_out_together(bureau, asking):
    bureau.wait = threading.Event()  # all have come before the first answer goes back, however the threads take turns
    filter_ = asking(source(bureau, ask=Ask.HOST))
    (client,) = filter_.bureaus.bureaus

    async def many() -> None:
        facts = [
            Facts(parse_url(f"http://host{n}.test/"), time=datetime.now().astimezone(), page_asked=True)
            for n in range(600)
        ]
        asked = asyncio.gather(*(judged(filter_, one, policy_of_level(2)) for one in facts))
        await asyncio.to_thread(until, lambda: len(client._flights) == 600)
        bureau.wait.set()
        await asked

    asyncio.run(many())
    assert sorted(bureau.urls()) == sorted(f"http://host{n}.test/" for n in range(600))
    assert len(bureau.asked) <= 4 + 3  # at once, then the others by 256
    assert {question.method for question in bureau.asked if len(question.urls) > 80} == {"POST"}
    assert bureau.connections <= 4


def test_a_label_past_its_end_is_none(bureau, asking):
    past = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y.%m.%dT%H:%M+0000")
    bureau.labels["http://site.test/"] = f'gen true until "{past}" r (lv 4)'
    assert not ask(asking(source(bureau)), "http://site.test/").blocked


def test_the_verdict_holds_no_longer_than_its_label(bureau, asking):
    ends = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=5)
    bureau.labels["http://site.test/"] = f'gen true until "{ends:%Y.%m.%dT%H:%M+0000}" r (lv 4)'
    assert ask(asking(source(bureau)), "http://site.test/").valid_until == ends


# --- a change of the configuration


def test_bureaus_that_stay_keep_what_they_said_over_a_reload(bureau, tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(f"level: 2\ndefault_lists: false\nbureaus: [{{url: '{bureau.url}', timeout: 20 s}}]\n")
    bureau.labels["http://site.test/"] = "gen true r (lv 4)"
    first = load_filter(load_config(file, {}, tmp_path))
    assert ask(first, "http://site.test/").blocked
    second = load_filter(load_config(file, {"level": "1"}, tmp_path), first)
    assert second.bureaus is first.bureaus
    third = load_filter(load_config(None, {"level": "1"}, tmp_path), second)
    assert third.bureaus is None
    assert ask(second, "http://site.test/").blocked


def test_with_a_bureau_the_store_of_this_machine_is_not_asked(bureau, tmp_path: Path):
    file = tmp_path / "own.yaml"
    file.write_text(f"level: 2\ndefault_lists: false\nbureaus: ['{bureau.url}']\n")
    assert load_filter(load_config(file, {}, tmp_path)).store is None
    assert load_filter(load_config(None, {"level": "2"}, tmp_path)).store is not None
