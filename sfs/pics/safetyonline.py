"""SafetyOnline2, the scale everything is measured on, and how other rating systems map to it.

SafetyOnline2 put the equal levels of five older categories side by side in one row, so the rating of a page is the
highest row that any of its categories reaches. A system is data: a table of ratings for each of its categories, by
value from 0 up, None where a value says nothing. A value past the table counts as its last one, a fraction as the
stricter of its neighbours, a negative value as nothing. Tables: our decisions (design), except SafetyOnline2's own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil, floor

from sfs.pics.values import Span, Value, spans

MAX_RATING = 4  # SafetyOnline2: 0 to 4
SERVICE = "http://www.iajapan.org/rating/"  # the id that live SafetyOnline2 labels carry
CATEGORY = "lv"

# What reaches each rating, by the five lines that the older SafetyOnline rated apart.
SCALE: tuple[Mapping[str, str], ...] = (
    {},
    {
        "nudity": "revealing clothing",
        "sex": "sexual kissing",
        "violence": "fighting without injury",
        "language": "mild insults, anatomical words",
        "other": "care is needed before minors see it",
    },
    {
        "nudity": "breasts or buttocks shown",
        "sex": "sexual touching, clothed",
        "violence": "people or their likenesses hurt",
        "language": "abusive or profane words",
        "other": "against good morals, not unlawful",
    },
    {
        "nudity": "full nudity, also drawn or painted",
        "sex": "sexual acts suggested",
        "violence": "killing, blood, corpses",
        "language": "obscene words",
        "other": "unlawful, not thought antisocial",
    },
    {
        "nudity": "genitals stressed",
        "sex": "explicit sexual acts, sex crimes",
        "violence": "torture, mutilation, rape",
        "language": "defamation, grossly obscene words",
        "other": "antisocial",
    },
)

AGES = ((18, 3), (12, 2), (6, 1), (0, 0))  # "from age N" gets the rating whose range holds N

_SCHEME = re.compile(r"\Ahttps?://", re.IGNORECASE)

type Steps = tuple[int | None, ...]

_AS_IS: Steps = (0, 1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class System:
    """A rating system: its service ids, and for each category (lower case) the rating of each value from 0 up."""

    name: str
    ids: tuple[str, ...]
    tables: Mapping[str, Steps]


def _each(names: str, steps: Steps) -> dict[str, Steps]:
    return dict.fromkeys(names.split(), steps)


def _present(by_rating: Mapping[int, str]) -> dict[str, Steps]:
    """Descriptors that are there (1) or not declared (0)."""
    return {name: (None, rating) for rating, names in by_rating.items() for name in names.split()}


_ICRA_V02 = _present(
    {
        4: "na nf va of",
        3: "nb nc ng la vb ve oc",
        2: "nd ne nh vc vd vf vg vh vi lb od oe og",
        1: "ni vj vk lc oa ob oh ca",
        0: "nz vz lz oz cz cb",
    }
)
_SAFESURF: Steps = (None, 1, 1, 0, 2, 2, 3, 3, 4, 4)  # 3 is a technical reference
_SAFESURF_VIOLENCE: Steps = (None, 1, 1, 0, 2, 2, 3, 4, 4, 4)

SYSTEMS: tuple[System, ...] = (
    System("SafetyOnline2", (SERVICE,), {CATEGORY: _AS_IS}),
    # No live label of the older SafetyOnline was found: its ids are the caller's to name, its categories a guess.
    System("SafetyOnline", (), _each("n s v l o", _AS_IS)),
    System(
        "RSACi",
        ("http://www.rsac.org/ratingsv01.html", "http://www.rsac.org/", "http://www.rsac.org/v1.0"),
        _each("n s v l", _AS_IS),
    ),
    System("ICRA v02", ("http://www.icra.org/ratingsv02.html",), _ICRA_V02),
    System(
        "ICRA v03",
        ("http://www.icra.org/pics/vocabularyv03/",),
        _each("n s v l", (0, 2, 3, 4)) | _present({4: "oh", 3: "oc", 2: "od oe of", 1: "oa ob og c"}),
    ),
    System(
        "SafeSurf",
        ("http://www.classify.org/safesurf/", "http://www.classify.org/safesurf/service/"),
        _each("ss~~001 ss~~002 ss~~003 ss~~006 ss~~008 ss~~009", _SAFESURF)
        | _each("ss~~005 ss~~007", _SAFESURF_VIOLENCE)
        | {
            "ss~~000": (None, 0, 0, 1, 2, 2, 2, 3, 4, 4),
            "ss~~004": (None, 1, 1, 0, 1, 2, 3, 3, 4, 4),
            "ss~~00a": (None, 1, 1, 1, 1, 1, 2, 2, 3, 3),
        },
    ),
    System("Weburbia", ("http://www.weburbia.com/safe/ratings.htm",), {"s": (0, 1, 3)}),
    System("evaluWEB", ("http://www.sserv.com/evaluweb/pics.html",), {"rating": (0, 1, 3)}),
    System("CyberNOT", ("http://pics.microsys.com",), _each("sex other", (0, 1, 1, 2, 2, 3, 3, 4, 4))),
    System(
        "Vancouver",
        ("http://vancouver-webpages.com/VWP1.0/",),
        {"v": (0, 1, 2, 3, 4, 4), "s": (0, 1, 1, 2, 2, 3, 4, 4), "p": _AS_IS},
    ),
    System("SafeNet", ("http://www.safenet.ne.kr/rating.html",), _each("n s v l", _AS_IS) | _each("i h", (None, 2))),
    System(
        "ICEC",
        ("http://service.icec.or.kr/rating.html", "http://service.kocsc.or.kr/rating.html"),
        {"y": (None, 3)},
    ),
)


def _spelling(service_id: str) -> str:
    host, _, path = _SCHEME.sub("", service_id.strip()).partition("/")
    return f"{host.lower().removeprefix('www.')}/{path}".rstrip("/")


_BY_NAME = {system.name: system for system in SYSTEMS}
_BY_ID = {_spelling(service_id): system for system in SYSTEMS for service_id in system.ids}
_KEYS = {_spelling(service_id): _spelling(system.ids[0]) for system in SYSTEMS for service_id in system.ids}


def service_key(service_id: str) -> str:
    """One key for all ids of a service: http or https, www or not, a slash at the end or not, and the further ids under
    which a known system goes."""
    spelling = _spelling(service_id)
    return _KEYS.get(spelling, spelling)


_ICRA_OLD_CODES = _BY_NAME["ICRA v02"].tables.keys() - _BY_NAME["ICRA v03"].tables.keys()


def system_of(service_id: str, aliases: Mapping[str, str] | None = None) -> System | None:
    """The system behind a service id: one of SYSTEMS, or None. `aliases` gives further ids the name of a system.
    The whole id must match, since another service's id may hold a known name."""
    key = service_key(service_id)
    for alias, name in (aliases or {}).items():
        if service_key(alias) == key:
            return _BY_NAME.get(name)
    return _BY_ID.get(_spelling(service_id))


def tables_of(system: System) -> tuple[Mapping[str, Steps], ...]:
    """The tables that ratings of this system are looked up in. Pages carry the codes of ICRA v02 under the id of v03,
    which gave the letters new meanings: there both are read."""
    return (system.tables, _BY_NAME["ICRA v02"].tables) if system.name == "ICRA v03" else (system.tables,)


def rating_of_ratings(
    service_id: str, ratings: Mapping[str, Value], aliases: Mapping[str, str] | None = None
) -> int | None:
    """The SafetyOnline2 rating, 0 to 4, of a label's ratings (names in lower case); None for a service that is not
    known and for ratings that say nothing on this scale."""
    system = system_of(service_id, aliases)
    if system is None:
        return None
    found = [_highest(_table_ratings(system, ratings))]
    # Pages carry the codes of ICRA v02 under the id of v03, which gave the letters new meanings: both are read.
    if system.name == "ICRA v03" and not _ICRA_OLD_CODES.isdisjoint(ratings):
        found.append(_highest(_table_ratings(_BY_NAME["ICRA v02"], ratings)))
    return _highest(found)


def rating_of_age(age: int) -> int:
    """The rating of what is meant for people from `age` years."""
    return next((rating for years, rating in AGES if age >= years), 0)


def _table_ratings(system: System, ratings: Mapping[str, Value]) -> Iterator[int | None]:
    for name, value in ratings.items():
        steps = system.tables.get(name)
        if steps is not None:
            for span in spans(value):
                yield _span_rating(steps, span)


def _span_rating(steps: Steps, span: Span) -> int | None:
    """The strictest rating of every value in the span."""
    if span.high < 0:
        return None
    last = len(steps) - 1
    low = floor(min(max(span.low, 0), last))
    return _highest(steps[low : ceil(min(span.high, last)) + 1])


def _highest(ratings: Iterable[int | None]) -> int | None:
    return max((rating for rating in ratings if rating is not None), default=None)
