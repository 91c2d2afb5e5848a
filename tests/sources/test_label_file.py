"""The store of this machine as a source: what is rated counts from the next request on."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sfs.core.facts import Facts
from sfs.core.label import NOT_LABELED, LabelAnswer
from sfs.core.policy import policy_of_level
from sfs.core.verdict import Verdict
from sfs.match.index import ALL_FORMS, DECODED
from sfs.pics.safetyonline import SERVICE
from sfs.pics.stored import StoredLabel
from sfs.sources.config import load_config
from sfs.sources.filter import load_filter
from sfs.sources.label_file import AGAIN, LOOK, LabelFile
from sfs.sources.labels import LabelStore
from sfs.text.url import name_url, parse_url

RSACI = "http://www.rsac.org/ratingsv01.html"


class Clock:
    """Seconds that pass with each look."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 2 * LOOK
        return self.now


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "labels.db"


@pytest.fixture
def store(path):
    opened = LabelStore.open(path)
    yield opened
    opened.close()


@pytest.fixture
def file(path):
    made = LabelFile(path, Clock())
    yield made
    made._let_go(away=False)


def rate(store: LabelStore, for_: str, rating: int, **more: object) -> None:
    values: dict = {"service": SERVICE, "ratings": (("lv", float(rating)),)} | more
    store.rate([StoredLabel(for_=for_, **values)], who="rater")


def said(file: LabelFile, url: str, level: int = 2) -> LabelAnswer:
    return file.ask(parse_url(url), policy_of_level(level))


def ratings(file: LabelFile, url: str) -> list[int]:
    return [label.rating for label in said(file, url).labels]


def test_without_a_store_nothing_is_said_and_none_is_made(file, path):
    assert said(file, "http://a.test/") is NOT_LABELED
    assert not path.exists() and not file.there


def test_what_is_rated_counts_at_once(file, store):
    for rating in (4, 1, 3):
        rate(store, "http://a.test/x", rating)
        assert ratings(file, "https://a.test/x") == [rating]
    store.withdraw(SERVICE, "http://a.test/x", generic=False, who="rater")
    assert said(file, "http://a.test/x") is NOT_LABELED


def test_a_store_that_is_made_later_is_found_and_one_that_goes_is_let_go(file, path):
    assert said(file, "http://a.test/") is NOT_LABELED
    made = LabelStore.open(path)
    rate(made, "http://a.test/", 4, generic=True)
    assert ratings(file, "http://a.test/") == [4]
    made.close()
    for left in path.parent.glob("labels.db*"):
        left.unlink()
    assert said(file, "http://a.test/") is NOT_LABELED
    made = LabelStore.open(path)
    rate(made, "http://a.test/", 2, generic=True)
    assert ratings(file, "http://a.test/") == [2]
    made.close()


def test_the_label_says_where_it_stands_and_how_far_it_reaches(file, store):
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    rate(store, "http://a.test/x/", 3, generic=True, by="anna", until=until)
    (label,) = said(file, "http://a.test/x/y").labels
    assert (label.source, label.place) == (
        "labels.db SafetyOnline2",
        "SafetyOnline2 gen for http://a.test/x/ by anna",
    )
    assert (label.generic, label.path, label.page_level, label.until) == (True, "/x/", True, until)
    assert label.forms == ALL_FORMS
    assert said(file, "http://a.test/%2e/x%2Fy").labels[0].forms == DECODED


def test_a_label_for_the_hosts_below_is_about_the_host_that_was_asked(file, store):
    rate(store, "http://a.test/", 3, generic=True, below=True)
    for url in ("http://a.test/x", "https://deep.www.a.test/y", "http://www.a.test:8080/"):
        (label,) = said(file, url).labels
        assert (label.rating, label.path, label.page_level, label.forms) == (3, "/", False, ALL_FORMS)
    assert said(file, "http://nota.test/") is NOT_LABELED


def test_by_name_only_what_is_said_of_the_whole_host_counts(file, store):
    rate(store, "http://a.test/", 4)
    rate(store, "http://b.test/", 3, generic=True)
    policy = policy_of_level(2)
    assert file.ask(name_url("a.test"), policy) is NOT_LABELED
    assert [label.rating for label in file.ask(name_url("b.test"), policy).labels] == [3]


def test_other_services_are_mapped_and_unknown_ones_say_nothing(file, store):
    assert said(file, "http://a.test/") is NOT_LABELED
    store.add_service(RSACI)
    store.add_service("http://nobody.test/rating")
    rate(store, "http://a.test/", 1, generic=True)
    rate(store, "http://a.test/", 0, generic=True, service=RSACI, ratings=(("v", 4.0),))
    rate(store, "http://a.test/", 0, generic=True, service="http://nobody.test/rating", ratings=(("zz", 4.0),))
    assert sorted(ratings(file, "http://a.test/")) == [1, 4]


def test_where_no_label_matters_the_store_is_not_asked(file, store):
    rate(store, "http://a.test/", 4, generic=True)
    assert said(file, "http://a.test/", 4) is NOT_LABELED
    assert said(file, "http://a.test/", 3).labels


def test_a_store_that_another_process_holds_is_away_and_waited_for_by_nobody(file, store, path):
    rate(store, "http://a.test/", 4, generic=True)
    assert ratings(file, "http://a.test/") == [4]
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")  # a writer under way disturbs nobody
    assert ratings(file, "http://a.test/") == [4]
    writer.execute("ROLLBACK")
    writer.close()


def test_what_is_no_store_is_a_bureau_that_is_away(file, path):
    path.write_bytes(b"no database at all, but long enough to be looked at" * 20)
    answer = said(file, "http://a.test/")
    assert (answer.labels, answer.away) == ((), True)
    assert file.faults and not file.there
    path.unlink()
    file._clock.now += AGAIN
    assert said(file, "http://a.test/") is NOT_LABELED


def test_a_store_that_breaks_while_it_is_open_is_away(file, store, path):
    rate(store, "http://a.test/", 4, generic=True)
    assert ratings(file, "http://a.test/") == [4]
    file._store.close()
    file._store._driver._connections = [sqlite3.connect(":memory:", check_same_thread=False)] * 2
    assert said(file, "http://a.test/").away


def test_it_may_be_asked_from_several_threads(file, store):
    rate(store, "http://a.test/", 4, generic=True)
    found: list[list[int]] = []
    threads = [
        threading.Thread(target=lambda: found.extend(ratings(file, "http://a.test/") for _ in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[4]] * 200


def test_a_filter_uses_the_store_of_its_state_folder_over_reloads(store, path):
    def verdict(filter_) -> Verdict:
        facts = Facts(parse_url("http://a.test/x"), time=datetime.now().astimezone(), page_asked=True)
        said, _ = filter_.judge(facts, filter_.policies.default)
        assert isinstance(said, Verdict)
        return said

    config = load_config(None, {"level": "2", "default_lists": "false"}, path.parent)
    first = load_filter(config)
    assert not verdict(first).blocked
    rate(store, "http://a.test/", 4, generic=True)
    assert verdict(first).source == "labels.db SafetyOnline2: SafetyOnline2 gen for http://a.test/"
    second = load_filter(config, first)
    assert second.store is first.store and verdict(second).blocked
    first.store._let_go(away=False)
