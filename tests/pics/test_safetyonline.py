"""Every rating system on the SafetyOnline2 scale."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.pics.safetyonline import (
    CATEGORY,
    MAX_RATING,
    SCALE,
    SERVICE,
    SYSTEMS,
    System,
    rating_of_age,
    rating_of_ratings,
    service_key,
    system_of,
)
from sfs.pics.values import Span, Value

V02 = "http://www.icra.org/ratingsv02.html"
V03 = "http://www.icra.org/pics/vocabularyv03/"
SAFESURF = "http://www.classify.org/safesurf/"
SAFENET = "http://www.safenet.ne.kr/rating.html"
VANCOUVER = "http://vancouver-webpages.com/VWP1.0/"


@pytest.mark.parametrize(
    ("service", "ratings", "rating"),
    [
        (SERVICE, {"lv": 0}, 0),
        (SERVICE, {"lv": 4}, 4),
        (SERVICE, {"lv": 7}, 4),
        (SERVICE, {"lv": 2.5}, 3),
        (SERVICE, {"lv": -1}, None),
        (SERVICE, {"lv": ()}, None),
        (SERVICE, {"lv": (1.0, 3.0)}, 3),
        (SERVICE, {"lv": (Span(-1, 2),)}, 2),
        (SERVICE, {"lv": (Span(0, 3e38),)}, 4),
        (SERVICE, {"other": 4}, None),
        ("http://www.rsac.org/ratingsv01.html", {"n": 3, "s": 3, "v": 0, "l": 4}, 4),
        ("http://www.rsac.org/", {"v": 1}, 1),
        ("http://www.rsac.org/v1.0", {"n": 0, "s": 0}, 0),
        ("http://www.rsac.org/ratingsv01.html", {"nv": 4}, None),
        (V02, {"na": 1}, 4),
        (V02, {"of": 1}, 4),
        (V02, {"nd": 1, "nr": 1, "vz": 1}, 2),
        (V02, {"nz": 1, "vz": 1, "cb": 1}, 0),
        (V02, {"nz": 0}, None),
        (V02, {"na": 0, "vz": 1}, 0),
        (V02, {"nr": 1}, None),
        (V03, {"n": 3, "c": 0}, 4),
        (V03, {"n": 1}, 2),
        (V03, {"n": 0, "s": 0, "v": 0, "l": 0}, 0),
        (V03, {"n": 0, "oh": 1}, 4),
        (V03, {"n": 0, "oc": 1}, 3),
        (V03, {"oc": 0}, None),
        (V03, {"nz": 1, "vz": 1, "oz": 1}, 0),  # codes of v02 under the id of v03
        (V03, {"nz": 1, "of": 1}, 4),  # of: bad example in v03, discrimination in v02; the stricter counts
        (SAFESURF, {"ss~~000": 1}, 0),
        (SAFESURF, {"ss~~000": 9}, 4),
        (SAFESURF, {"ss~~001": 3}, 0),
        (SAFESURF, {"ss~~001": (2.0, 3.0)}, 1),  # the table goes down and up again
        (SAFESURF, {"ss~~001": (Span(1, 9),)}, 4),
        (SAFESURF, {"ss~~004": 4}, 1),
        (SAFESURF, {"ss~~005": 7}, 4),
        (SAFESURF, {"ss~~006": 7}, 3),
        (SAFESURF, {"ss~~00a": 9}, 3),
        (SAFESURF, {"ss~~000": 0}, None),
        (SAFESURF, {"ss~~100": 50}, None),
        ("http://www.weburbia.com/safe/ratings.htm", {"s": 2}, 3),
        ("http://www.sserv.com/evaluweb/pics.html", {"rating": 1}, 1),
        ("http://pics.microsys.com", {"sex": 0, "other": 8}, 4),
        (VANCOUVER, {"v": 5, "s": 0}, 4),
        (VANCOUVER, {"s": 5}, 3),
        (VANCOUVER, {"mc": 2, "gam": 3}, None),
        (SAFENET, {"n": 3, "s": 3, "v": 3, "l": 3, "i": 0, "h": 0}, 3),
        (SAFENET, {"n": 0, "i": 1}, 2),
        ("http://service.icec.or.kr/rating.html", {"y": 1}, 3),
        ("http://service.icec.or.kr/rating.html", {"y": 0}, None),
        ("http://unknown.example/", {"lv": 4}, None),
    ],
)
def test_ratings_of_every_system_on_our_scale(service: str, ratings: dict[str, Value], rating: int | None) -> None:
    assert rating_of_ratings(service, ratings) == rating


@pytest.mark.parametrize(
    "spelling",
    [
        "http://www.iajapan.org/rating",
        "https://iajapan.org/rating/",
        "HTTP://WWW.IAJAPAN.ORG/rating/",
        " http://iajapan.org/rating ",
    ],
)
def test_service_id_is_known_in_every_spelling(spelling: str) -> None:
    assert rating_of_ratings(spelling, {CATEGORY: 2}) == 2


@pytest.mark.parametrize(
    "service",
    [
        "http://www.iajapan.org/rating/x",
        "http://rsac.org.evil.test/ratingsv01.html",
        "http://evil.test/?http://www.rsac.org/",
        "",
        "http://",
    ],
)
def test_an_id_that_only_holds_a_known_one_is_another_service(service: str) -> None:
    assert system_of(service) is None


def test_old_safetyonline_is_read_under_the_id_that_the_caller_names() -> None:
    aliases = {"http://old.example/rating/": "SafetyOnline"}
    assert rating_of_ratings("http://old.example/rating", {"n": 1, "o": 3}, aliases) == 3
    assert rating_of_ratings("http://old.example/rating", {"n": 1}) is None


@pytest.mark.parametrize(("age", "rating"), [(0, 0), (5, 0), (6, 1), (11, 1), (12, 2), (17, 2), (18, 3), (99, 3)])
def test_an_age_gets_the_rating_whose_range_holds_it(age: int, rating: int) -> None:
    assert rating_of_age(age) == rating


def test_all_ids_of_a_service_have_one_key_and_no_other_has_it() -> None:
    rsac = (
        "http://www.rsac.org/ratingsv01.html",
        "https://rsac.org/ratingsv01.html/",
        "http://www.rsac.org",
        "rsac.org/v1.0",
    )
    assert len({service_key(one) for one in rsac}) == 1
    assert len({service_key(system.ids[0]) for system in SYSTEMS if system.ids}) == sum(bool(s.ids) for s in SYSTEMS)
    assert len({service_key(f"http://rsac.org/{path}") for path in ("", "v1.1", "ratingsv02.html", "V1.0")}) == 4


def test_tables_are_in_canonical_form() -> None:
    assert len(SCALE) == MAX_RATING + 1
    for system in SYSTEMS:
        assert len({service_key(service_id) for service_id in system.ids}) <= 1
        for name, steps in system.tables.items():
            assert name == name.lower()
            assert all(step is None or 0 <= step <= MAX_RATING for step in steps)
            assert any(step is not None for step in steps)


_items = st.one_of(
    st.floats(-10, 1e9), st.tuples(st.floats(-10, 20), st.floats(0, 1e30)).map(lambda p: Span(p[0], p[0] + p[1]))
)


@given(st.sampled_from([s for s in SYSTEMS if s.ids]), st.data())
def test_one_more_rating_never_lowers_the_result(system: System, data: st.DataObject) -> None:
    service, tables = system.ids[0], system.tables
    values = st.one_of(st.floats(-10, 1e9), st.lists(_items, max_size=3).map(tuple))
    ratings = data.draw(st.dictionaries(st.sampled_from(sorted(tables)), values, max_size=4))
    whole = rating_of_ratings(service, ratings)
    assert whole is None or 0 <= whole <= MAX_RATING
    for name in ratings:
        fewer = rating_of_ratings(service, {key: value for key, value in ratings.items() if key != name})
        assert fewer is None or (whole is not None and whole >= fewer)
