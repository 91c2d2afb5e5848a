"""The page for people: what this bureau is, the rating of one page, its services, how programs ask it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sfs.bureau.desk import Hosted, Service
from sfs.pics.safetyonline import MAX_RATING, SERVICE, rating_of_ratings, service_key
from sfs.pics.stored import StoredLabel
from sfs.pics.values import write_ratings
from sfs.web.answer import PageAnswer, clean
from sfs.web.render import page
from sfs.web.texts import Language, texts_for

MAX_ADDRESS: Final = 2000  # characters typed
MAX_SERVICES: Final = 50  # shown
MAX_TEXT: Final = 300
EXAMPLE: Final = '/ratings?u="http%3A%2F%2Fexample.com%2F"&s="http%3A%2F%2Fwww.iajapan.org%2Frating%2F"'


@dataclass(frozen=True, slots=True)
class Shown:
    """What one service says of a page, as it is shown. `about`: page, prefix or below."""

    service: str
    label: bool
    ratings: str = ""
    level: int | None = None
    about: str = "page"
    label_for: str = ""
    on: str = ""
    until: str = ""
    by: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """The labels of `url`, in the order of the services."""

    url: str
    labels: Sequence[StoredLabel | None]


def bureau_page(
    language: Language, hosted: Hosted, found: Found | None = None, *, typed: str = "", problem: str = ""
) -> PageAnswer:
    """200, or 422 and 503 with the key of a sentence in `problem`."""
    status = {"fault_url": 422, "fault_away": 503}.get(problem, 200)
    services = hosted.services[:MAX_SERVICES]
    values: dict[str, Any] = {
        "services": [
            {"name": name_of(one), "uri": clean(one.uri, MAX_TEXT), "rat": rat_path(hosted, one)} for one in services
        ],
        "scale": range(MAX_RATING + 1) if hosted.find(SERVICE) else (),
        "found": None if found is None else list(map(_shown, services, found.labels)),
        "shown": "" if found is None else clean(found.url, MAX_TEXT),
        "typed": clean(typed, MAX_ADDRESS),
        "max_address": MAX_ADDRESS,
        "problem": problem,
        "example": EXAMPLE,
    }
    return page("bureau.html", status, texts_for(language), form=True, limit=10**6, **values)


def name_of(service: Service) -> str:
    """The name of a service; its id where it has none."""
    known = "SafetyOnline2" if service_key(service.uri) == service_key(SERVICE) else None
    return clean(service.name or known or service.uri, MAX_TEXT)


def rat_path(hosted: Hosted, service: Service) -> str | None:
    """Where the description of a service is served; None where there is none."""
    if service.rat is None and service_key(service.uri) != service_key(SERVICE):
        return None
    return f"/services/{hosted.services.index(service) + 1}.rat"


def _shown(service: Service, label: StoredLabel | None) -> Shown:
    name = name_of(service)
    if label is None:
        return Shown(name, label=False)
    return Shown(
        name,
        True,
        clean(write_ratings(label.ratings)[1:-1], MAX_TEXT),
        rating_of_ratings(label.service, dict(label.ratings)),
        "below" if label.below else "prefix" if label.generic else "page",
        clean(label.for_, MAX_TEXT),
        "" if label.on is None else f"{label.on:%Y-%m-%d}",
        "" if label.until is None else f"{label.until:%Y-%m-%d %H:%M %Z}",
        clean(label.by or "", MAX_TEXT),
        clean(label.comment or "", MAX_TEXT),
    )
