"""The store of labels: what is kept, what is found, and that an index finds what a look at every label finds."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfs.errors import LabelError, SfsError
from sfs.pics.safetyonline import SERVICE
from sfs.sources.labels import Counts, LabelStore, StoredLabel, StoredService
from sfs.text.url import name_url, parse_url
from tests.sources.plain_labels import plain_find

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
RSAC = "http://www.rsac.org/ratingsv01.html"


class Clock:
    now = NOW.timestamp()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path):
    """A new database of each kind."""
    if request.param == "sqlite":
        return tmp_path / "labels.db"
    return request.getfixturevalue("postgres").database()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shared(request, tmp_path_factory):
    if request.param == "sqlite":
        made = LabelStore.open(tmp_path_factory.mktemp("shared") / "labels.db")
    else:
        made = LabelStore.open(request.getfixturevalue("postgres").database())
    yield made
    made.close()


@pytest.fixture
def store(database, clock):
    made = LabelStore.open(database, clock=clock)
    yield made
    made.close()


def label(for_, level=1, **more):
    return StoredLabel(more.pop("service", SERVICE), for_, (("lv", float(level)),), **more)


def generic(for_, level=1, **more):
    return label(for_, level, generic=True, **more)


def rate(store, *labels):
    return store.rate(labels, who="test")


def found(store, url, now=NOW, **more):
    """The rating in force, and of what; None where there is none."""
    (((answer,),)) = store.find([parse_url(url)], [SERVICE], now, **more)
    return None if answer is None else (int(answer.ratings[0][1]), answer.for_)


def test_a_label_comes_back_as_it_was_given(store):
    given = StoredLabel(
        SERVICE, "https://example.com/a", (("lv", 3.0),), by="川", on=NOW - HOUR, until=NOW + HOUR, comment="見\n2 度",
        source="list.csv",
    )  # fmt: skip
    assert rate(store, given) == Counts(new=1)
    assert store.find([parse_url("http://example.com/a")], [SERVICE], NOW) == [[given]]
    assert list(store.each()) == [given]


def test_a_label_without_a_date_was_made_when_it_was_written(store):
    rate(store, label("http://example.com/"))
    assert next(store.each()).on == NOW


def test_labels_are_kept_in_canonical_spelling(store):
    rate(store, label("HTTP://user@Example.COM.:80/%7ea/../b#x"), generic("http://h.test:80"), generic("H.test"))
    assert [kept.for_ for kept in store.each()] == ["http://example.com/b", "http://h.test", "http://h.test/"]


def test_the_specific_label_then_the_longest_prefix_then_the_host_then_the_nearest_parent(store):
    rate(
        store,
        generic("http://test/", 0, below=True),
        generic("http://h.test/", 1, below=True),
        generic("http://www.h.test", 2),
        generic("http://www.h.test/pub/WWW", 3),
        label("http://www.h.test/pub/WWWfoo", 4),
    )
    assert found(store, "http://www.h.test/pub/WWWfoo") == (4, "http://www.h.test/pub/WWWfoo")
    assert found(store, "https://www.h.test/pub/WWWbar?q") == (3, "http://www.h.test/pub/WWW")
    assert found(store, "http://www.h.test/pub/WW") == (2, "http://www.h.test")
    assert found(store, "http://m.h.test/pub/WWWfoo") == (1, "http://h.test/")
    assert found(store, "http://h.test:8080/") == (1, "http://h.test/")
    assert found(store, "http://x.test/") == (0, "http://test/")
    assert found(store, "http://www.h.test/pub/WWWfoo", generic_only=True) == (3, "http://www.h.test/pub/WWW")
    assert found(store, "http://www.h.test.evil.example/pub/WWW") is None


def test_a_prefix_ends_with_the_host_or_in_the_path(store):
    rate(store, generic("http://www.example.com", 4), generic("http://p.test/a?", 2), generic("http://q.test:8080", 3))
    assert found(store, "http://www.example.com.evil.test/") is None
    assert found(store, "http://www.example.comevil.test/") is None
    assert found(store, "http://www.example.com:8080/x") == (4, "http://www.example.com")
    assert found(store, "http://p.test/a") == found(store, "http://p.test/a?x") == (2, "http://p.test/a?")
    assert found(store, "http://p.test/ab") is None
    assert found(store, "http://q.test:8080/x") == (3, "http://q.test:8080/")
    assert found(store, "http://q.test/x") is None


def test_a_label_past_its_end_is_as_if_it_were_not_there(store):
    rate(
        store,
        generic("http://h.test", 1),
        generic("http://h.test/a", 2, until=NOW),
        label("http://h.test/a", 3, until=NOW),
    )
    assert found(store, "http://h.test/a") == (3, "http://h.test/a")
    assert found(store, "http://h.test/ab") == (2, "http://h.test/a")
    assert found(store, "http://h.test/a", NOW + HOUR) == (1, "http://h.test")


def test_a_whole_batch_is_answered_in_order(store):
    store.add_service(RSAC)
    rate(store, label("http://a.test/", 1), label("http://b.test/", 2), label("http://a.test/", 4, service=RSAC))
    urls = [parse_url(f"http://{name}.test/") for name in "abca"]
    answers = store.find(urls, [RSAC, SERVICE, "http://unknown.example/"], NOW)
    levels = [[answer and int(answer.ratings[0][1]) for answer in row] for row in answers]
    assert levels == [[4, None, None, 4], [1, 2, None, 1], [None] * 4]
    assert store.find([], [SERVICE], NOW) == [[]]


def test_services_keep_their_order_and_other_spellings_name_them(store):
    store.add_service(RSAC, "((PICS-version 1.1))", "RSACi")
    store.add_service("https://www.iajapan.org/rating", name="SO2")
    assert store.services() == (
        StoredService(SERVICE, "SO2", None, 0),
        StoredService(RSAC, "RSACi", "((PICS-version 1.1))", 1),
    )
    rate(store, label("http://a.test/", 2, service="https://iajapan.org/rating"))
    assert store.find([parse_url("http://a.test/")], ["http://iajapan.org/rating"], NOW)[0][0].service == SERVICE
    with pytest.raises(SfsError, match=r"no service 'http://other\.example/' is kept here"):
        rate(store, label("http://a.test/", service="http://other.example/"))
    for uri in ("", "rsac", 'http://a.example/"', "http://" + "a" * 600):
        with pytest.raises(SfsError):
            store.add_service(uri)


def test_what_is_said_again_changes_nothing(store, clock):
    given = [label("http://a.test/", 1), generic("http://a.test/", 2, source="x.csv")]
    assert rate(store, *given) == Counts(new=2)
    clock.now += 60
    assert rate(store, *given, label("https://a.test/", 1)) == Counts(same=3)
    assert rate(store, label("http://a.test/", 3), label("http://a.test/", 3)) == Counts(changed=1, same=1)
    assert store.serial() == 3


def test_the_history_of_a_label_is_kept_and_its_time_never_goes_back(store, clock):
    rate(store, label("http://a.test/", 1))
    clock.now -= 86_400 * 365
    rate(store, label("https://a.test/", 2))
    rate(store, label("http://a.test/", 3, on=NOW - HOUR))
    assert store.withdraw(SERVICE, "http://a.test/", generic=False, who="other")
    assert not store.withdraw(SERVICE, "http://a.test/", generic=False, who="other")
    assert found(store, "http://a.test/") is None
    rate(store, label("http://a.test/", 4), generic("http://a.test/", 0))
    history = store.history("http://a.test/")
    said = [
        (change.serial, change.who, change.generic, change.label and change.label.ratings[0][1]) for change in history
    ]
    assert said == [
        (1, "test", False, 1), (2, "test", False, 2), (3, "test", False, 3), (4, "other", False, None),
        (5, "test", False, 4), (6, "test", True, 0),
    ]  # fmt: skip
    assert {change.label.on for change in history[:5] if change.label} == {NOW}
    assert history[0].at == NOW and history[1].at == NOW - timedelta(days=365)
    assert store.changes(2, 2) == history[2:4]
    assert store.history("http://b.test/") == store.history("http://a.test/", RSAC) == []


def test_a_batch_is_kept_whole_or_not_at_all(store):
    with pytest.raises(LabelError, match="label for 'news:x': no URL"):
        rate(store, label("http://a.test/"), label("news:x"))
    assert store.serial() == 0
    assert list(store.each()) == []


@pytest.mark.parametrize(
    "bad",
    [
        label("http://a.test/", 5),
        label("http://a.test/", -1),
        label("http://a.test/", 1.5),
        StoredLabel(SERVICE, "http://a.test/", ()),
        StoredLabel(SERVICE, "http://a.test/", (("lv", (1.0, 2.0)),)),
        StoredLabel(SERVICE, "http://a.test/", (("n", 1.0),)),
        label("http://a.test/" + "a" * 3000),
        label("http://a.test/" + "日" * 600),
        label(""),
        label("http://a.test/a", below=True),
        generic("http://a.test/a", below=True),
        generic("http://a.test:8080", below=True),
        label("http://a.test/", by="a\0b"),
        label("http://a.test/", comment="\ud800"),
        label("http://a.test/", source="x" * 300),
        label("http://a.test/", on=datetime(2026, 1, 1)),
    ],
)
def test_what_cannot_be_kept_is_refused(shared, bad):
    before = shared.serial()
    with pytest.raises(LabelError):
        rate(shared, bad)
    assert shared.serial() == before


def test_a_tree_holds_the_labels_that_begin_with_a_url(store):
    for_ = ["http://a.test", "http://a.test/", "http://a.test/x", "http://a.test/x/y", "http://a.test/xz?q"]
    rate(
        store, *(generic(one) for one in for_), label("http://a.test/x/y"), label("http://a.test/x/z", until=NOW - HOUR)
    )
    rate(store, generic("http://a.test.evil.test/x"), generic("http://b.a.test/x"))

    def tree(url, **more):
        return [(kept.for_, kept.generic) for kept in store.tree(parse_url(url), SERVICE, NOW, **more)]

    assert tree("http://a.test/x/") == [("http://a.test/x/y", True), ("http://a.test/x/y", False)]
    assert tree("http://a.test/x", generic_only=True) == [(one, True) for one in for_[2:]]
    assert [one for one, generic in tree("http://a.test") if generic] == for_
    assert tree("http://a.test", limit=2) == [(one, True) for one in for_[:2]]
    assert store.tree(name_url("a.test"), SERVICE, NOW) == store.tree(parse_url("http://a.test/"), SERVICE, NOW)
    assert store.tree(parse_url("http://a.test/"), RSAC, NOW) == []


def test_pages_of_labels_and_of_a_tree_lose_none(store):
    rate(store, *(label(f"http://a.test/{n}") for n in range(2500)), *(generic(f"http://{n}.test") for n in range(600)))
    assert len(list(store.each())) == len({kept.for_ for kept in store.each()}) == 3100
    assert len(store.tree(parse_url("http://a.test/"), SERVICE, NOW, limit=2400)) == 2400
    assert len(store.tree(parse_url("http://a.test/"), SERVICE, NOW, limit=9999)) == 2500


HOSTS = ["a.test", "b.a.test", "c.b.a.test", "ba.test", "test", "a.test:8080", "192.0.2.1", "[2001:db8::1]"]
PIECES = [
    "/",
    "a",
    "b",
    "ab",
    "%61",
    "%2F",
    "%2561",
    "?",
    "?x=1",
    "+",
    ";p",
    "日",
    "%93%FA",
    "%C0%AE",
    "//",
    "/..",
    "%00",
]
PATHS = st.lists(st.sampled_from(PIECES), max_size=5).map(lambda parts: "".join(["/", *parts]) if parts else "")
URLS = st.tuples(st.sampled_from(["http", "https", "ftp"]), st.sampled_from(HOSTS), PATHS).map(
    lambda parts: f"{parts[0]}://{parts[1]}{parts[2]}"
)
TIMES = st.sampled_from([None, NOW - HOUR, NOW, NOW + HOUR])


@st.composite
def labels_of_a_store(draw):
    for_, reach = draw(URLS), draw(st.sampled_from(["specific", "generic", "below"]))
    if reach == "below":
        for_ = for_.split("://")[0] + "://" + draw(st.sampled_from([host for host in HOSTS if "8080" not in host]))
        for_ += draw(st.sampled_from(["", "/"]))
    return StoredLabel(
        "", for_, (("lv", float(draw(st.integers(0, 4)))),), reach != "specific", reach == "below", until=draw(TIMES)
    )


SERVICES = count()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(labels_of_a_store(), max_size=12), st.lists(URLS, min_size=1, max_size=6), st.booleans())
def test_the_index_finds_what_a_look_at_every_label_finds(shared, drawn, urls, generic_only):
    service = f"http://example.com/{next(SERVICES)}/"
    shared.add_service(service)
    shared.rate([StoredLabel(service, *_parts(one)) for one in drawn], who="test")
    kept = list(shared.each(service))
    asked = [parse_url(url) for url in urls]
    asked += [url.by_name() for url in asked]
    answers = shared.find(asked, [service], NOW, generic_only=generic_only)[0]
    for url, answer in zip(asked, answers, strict=True):
        plain = plain_find(kept, url, NOW, generic_only)
        assert (answer and (answer.for_, answer.ratings)) == (plain and (plain.for_, plain.ratings)), url


def _parts(one):
    return one.for_, one.ratings, one.generic, one.below, one.by, one.on, one.until
