"""What a bureau answered, read strictly: by position and by `for`, for the services that were asked, on our scale.

A label for another host, of another service, past its end or under an extension that nobody knows is as if it had not
come; it is counted. An answer that cannot be matched to its question says nothing of any URL."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sfs.core.label import Label
from sfs.match.index import ALL_FORMS, DECODED, SENT
from sfs.pics.coverage import Prefix, forms_of, parse_prefix
from sfs.pics.judge import effective_options, usable
from sfs.pics.labels import LabelList, LabelProblem, LabelTree, PicsLabel, ServiceInfo, parse_label_list
from sfs.pics.options import Options
from sfs.pics.safetyonline import rating_of_ratings, service_key, system_of
from sfs.pics.values import Ratings
from sfs.text.url import Url, parse_url

MAX_SHOWN: Final = 120  # characters of what a bureau says that are shown to people


@dataclass(frozen=True, slots=True)
class RatedPrefix:
    """A label of a bureau or of the store, on our scale. `service`: its name, or its id where it has none."""

    rating: int
    service: str
    for_: str
    prefix: Prefix
    generic: bool
    by: str | None
    on: datetime | None
    until: datetime | None

    def covers(self, url: Url) -> int:
        """The forms of `url` that the label is about, as in sfs/match/index.py. What only some servers read in a URL
        counts as decoded; where it is not covered, the URL is not covered in all its forms."""
        covered = [self.prefix.covers(url, form, self.generic) for form in range(len(forms_of(url)))]
        known = len(url.forms)
        found = covered[0] * SENT | covered[known - 1] * DECODED
        if found == ALL_FORMS and not all(covered):
            return SENT
        return DECODED if not found and any(covered) else found


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of one question. `away`: the bureau would not say, or not in a way that can be read."""

    labels: tuple[RatedPrefix, ...] = ()
    away: bool = False


NOT_TOLD: Final = Told(away=True)


def read_told(
    text: str, urls: Sequence[str], service: str | None, now: datetime, dropped: Counter[str], *, tree: bool = False
) -> list[Told]:
    """What `text` says of each of `urls`. `service`: the one that was asked, None for all that we know. `dropped`
    counts what was not taken, by its reason. LabelError where the text is no label list."""
    found: list[list[RatedPrefix]] = [[] for _ in urls]
    away = [False] * len(urls)
    answered = False
    for info in _asked(parse_label_list(text), service, dropped):
        answered = True
        if info.problem is not None or len(info.labels) != len(urls):
            dropped[info.problem.code if info.problem is not None else "count"] += 1
            away = [True] * len(urls)
            continue
        for place, item in enumerate(info.labels):
            if isinstance(item, LabelProblem):
                if item.code != "not-labeled":
                    dropped[item.code] += 1
                    away[place] = True
            elif tree and isinstance(item, PicsLabel):  # the bureau knows no trees: it may have more labels
                dropped["no tree"] += 1
                away[place] = True
            else:
                found[place].extend(_labels(info, item, urls[place], now, dropped, tree=tree))
    if not answered:
        return [NOT_TOLD] * len(urls)
    return [Told(tuple(labels), gone) for labels, gone in zip(found, away, strict=True)]


def _asked(labels: LabelList, service: str | None, dropped: Counter[str]) -> Iterator[ServiceInfo]:
    """The parts of an answer that answer us: each service once."""
    seen: set[str] = set()
    for info in labels.services:
        if info.service is None:
            yield info
            continue
        key = service_key(info.service)
        known = system_of(info.service) is not None if service is None else key == service_key(service)
        if not known or key in seen:
            dropped["service"] += 1
            continue
        seen.add(key)
        yield info


def _labels(
    info: ServiceInfo, item: PicsLabel | LabelTree, url: str, now: datetime, dropped: Counter[str], *, tree: bool
) -> Iterator[RatedPrefix]:
    """The labels at one place that are about the URL asked for, or in a tree below it."""
    assert info.service is not None
    if isinstance(item, LabelTree) and not tree:
        dropped["tree"] += 1
        return
    asked = parse_url(url)
    for label in item.labels if isinstance(item, LabelTree) else (item,):
        options = effective_options(info, label)
        rated = rated_prefix(info.service, label.ratings, options, url)
        if rated is None or not usable(options, now):
            dropped["says nothing"] += 1
        elif not (rated.prefix.url.host == asked.host if tree else rated.prefix.covers(asked, 0, rated.generic)):
            dropped["for"] += 1
        else:
            yield rated


def rated_prefix(service: str, ratings: Ratings, options: Options, url: str) -> RatedPrefix | None:
    """A label with its effective options as one of ours; without `for` it is about `url`. None where it says nothing on
    our scale, or names no URL."""
    rating = rating_of_ratings(service, dict(ratings))
    for_ = options.for_ or url
    prefix = parse_prefix(for_)
    if rating is None or prefix is None:
        return None
    system = system_of(service)
    name = system.name if system is not None else service
    return RatedPrefix(rating, name, for_, prefix, bool(options.generic), options.by, options.on, options.until)


def core_label(rated: RatedPrefix, source: str, url: Url) -> Label | None:
    """The label as the core takes it, of a bureau called `source`; None where it is not about `url`."""
    forms = rated.covers(url)
    if not forms:
        return None
    place = f"{rated.service} {'gen ' if rated.generic else ''}for {rated.for_}"
    place += f" by {rated.by}" if rated.by else ""
    return Label(
        rated.rating,
        f"{source} {rated.service}",
        _shown(place),
        rated.generic,
        rated.prefix.starts[0] if rated.prefix.below_root else "/",
        forms=forms,
        rank=(rated.prefix.length,),
        on=rated.on,
        until=rated.until,
    )


def _shown(text: str) -> str:
    """What somebody else wrote, for a trace or a log: one line, not long."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return plain if len(plain) <= MAX_SHOWN else f"{plain[:MAX_SHOWN]}..."
