"""Sources of labels: own ratings and rating files answer the question a bureau will be asked."""

from typing import ClassVar

from sfs.core.label import NOT_LABELED, Label, LabelAnswer
from sfs.core.policy import Owner, policy_of_level
from sfs.core.safesearch import Locks
from sfs.match.entry import parse_entry
from sfs.match.index import ALL_FORMS, DECODED, EntryIndex
from sfs.sources.label_sources import AllSources, OwnRatings, RatingFile, UnlockedEngines
from sfs.text.named import NamedHosts
from sfs.text.url import name_url, parse_url


def owner(name: str, **ratings: int) -> Owner:
    rated = {parse_entry(entry): rating for entry, rating in ratings.items()}
    return Owner(name, f"{name}.yaml", rated=EntryIndex((e, 3) for e in rated), ratings=rated)


def test_own_ratings_carry_the_rank_of_their_owner():
    policy = policy_of_level(
        2, owners=(Owner("group"), owner("page", **{"a.test/x/": 1}), owner("config", **{"a.test": 4}))
    )
    labels = OwnRatings().ask(parse_url("http://a.test/x/y"), policy).labels
    assert [(label.rating, label.owner, label.source) for label in labels] == [(1, 1, "page"), (4, 2, "config")]
    assert labels[1].place == "config.yaml:3 a.test"
    assert OwnRatings().ask(parse_url("http://b.test/"), policy) is NOT_LABELED


def test_an_entry_is_a_label_with_its_reach():
    rated = {parse_entry(line): n for n, line in enumerate(["a.test", "a.test/x/", "a.test/x/y", "a.test/x/y?q"])}
    source = RatingFile("rules/ratings/own.txt", EntryIndex((e, n) for n, e in enumerate(rated, 1)), rated)
    labels = sorted(source.ask(parse_url("http://a.test/x/y?q"), policy_of_level(2)).labels, key=lambda x: x.rating)
    assert [(label.generic, label.path) for label in labels] == [
        (True, "/"),
        (True, "/x/"),
        (False, "/x/y"),
        (False, "/x/y"),
    ]
    assert [label.page_level for label in labels] == [False, True, True, True]
    assert [label.rank for label in labels] == sorted(label.rank for label in labels)


def test_a_label_tells_which_forms_it_covers():
    rated = {parse_entry("a.test/x/"): 4}
    source = RatingFile("f", EntryIndex((e, 1) for e in rated), rated)
    assert source.ask(parse_url("http://a.test/%2e/x%2Fy"), policy_of_level(2)).labels[0].forms == DECODED
    assert source.ask(parse_url("http://a.test/x/y"), policy_of_level(2)).labels[0].forms == ALL_FORMS


def test_an_engine_that_cannot_be_locked_is_rated_as_a_host_where_safesearch_is_asked_for():
    row = {"name": "Finder", "hosts": ["find.test"], "params": {"name": "safe", "strict": "1"}, "unlocked": 3}
    source = UnlockedEngines(Locks([row | {"checked": "2026-11-22"}]))
    (label,) = source.ask(name_url("find.test"), policy_of_level(2)).labels
    assert (label.rating, label.source, label.place) == (3, "rules/safesearch.yaml", "Finder")
    assert not label.page_level
    assert source.ask(name_url("find.test"), policy_of_level(3)) is NOT_LABELED
    assert source.ask(parse_url("http://find.test/"), policy_of_level(2)) is NOT_LABELED
    assert source.ask(parse_url("http://other.test/"), policy_of_level(2)) is NOT_LABELED


class Away:
    def ask(self, url, policy):
        return LabelAnswer((), away=True)


def test_several_sources_are_asked_as_one_and_one_that_is_away_is_said():
    class One:
        def ask(self, url, policy):
            return LabelAnswer((Label(1, "one"),))

    url = parse_url("http://a.test/")
    answer = AllSources((), NamedHosts(), (One(), Away(), One())).ask(url, policy_of_level(2))
    assert len(answer.labels) == 2
    assert answer.away
    assert AllSources((), NamedHosts()).ask(url, policy_of_level(2)) is NOT_LABELED


def test_a_source_of_named_hosts_is_asked_of_those_alone_and_of_the_policys_own():
    class Asked:
        hosts: ClassVar = []

        def ask(self, url, policy):
            self.hosts.append(url.host)
            return NOT_LABELED

    sources = AllSources((Asked(),), NamedHosts(["a.test"]))
    own = policy_of_level(2, owners=(Owner("own", rated=EntryIndex([(parse_entry("b.test"), 1)])),))
    for host, policy in (("www.a.test", policy_of_level(2)), ("c.test", own), ("b.test", own), ("b.test", None)):
        sources.ask(parse_url(f"http://{host}/"), policy or policy_of_level(2))
    assert Asked.hosts == ["www.a.test", "b.test"]
