"""From the labels of one source to one answer: which labels count for a URL, and what they say together.

Inside a service the specific label beats the generic one, then the longest prefix, the newest and the highest win;
over the services the highest rating holds. Labels past their `until`, under a mandatory extension (we know none) or
about other URLs are as if they were not there, and so is a label that says nothing on our scale.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sfs.pics.coverage import Prefix, forms_of, parse_prefix
from sfs.pics.labels import LabelList, PicsLabel, ServiceInfo
from sfs.pics.options import Options
from sfs.pics.safetyonline import rating_of_ratings
from sfs.text.url import Url


@dataclass(frozen=True, slots=True)
class Judgment:
    """What a label list says of a URL. `below_root`: the label is about less than a whole host. `every_form`: it says
    something in each form of the URL; where it does not, a low rating is no rating. `valid_until`: when the answer
    may change, None for never."""

    rating: int
    service: str
    generic: bool
    for_: str | None
    below_root: bool
    by: str | None
    on: datetime | None
    valid_until: datetime | None
    every_form: bool


@dataclass(frozen=True, slots=True)
class _Candidate:
    rating: int
    service: str
    options: Options
    prefix: Prefix | None

    @property
    def rank(self) -> tuple[bool, int, float, int]:
        generic = bool(self.options.generic)
        length = self.prefix.length if generic and self.prefix else 0
        newest = self.options.on.timestamp() if self.options.on else float("-inf")
        return not generic, length, newest, self.rating


def effective_options(service: ServiceInfo, label: PicsLabel) -> Options:
    """The options of a label with its service's defaults."""
    return label.options.over(service.options)


def usable(options: Options, now: datetime) -> bool:
    """Whether a label with these effective options counts at all: not past its `until`, no mandatory extension."""
    return not options.void and (options.until is None or now <= options.until)


def judge_labels(
    label_list: LabelList,
    url: Url | None,
    now: datetime,
    *,
    document: bool = True,
    aliases: Mapping[str, str] | None = None,
) -> Judgment | None:
    """What the list says of `url`, None where it says nothing. `document`: the list came with the document at `url`,
    so a label without `for` is about it. `url` None (not to be parsed): only such labels count. `now` is aware.
    `aliases` as in safetyonline.system_of."""
    candidates = list(_candidates(label_list, now, aliases))
    forms = len(forms_of(url)) if url else 1
    covering = [[c for c in candidates if _is_about(c, url, form, document)] for form in range(forms)]
    answers = [_strictest(found) for found in covering]
    best = max((answer for answer in answers if answer), key=lambda answer: answer.rating, default=None)
    if best is None:
        return None
    ends = (c.options.until for found in covering for c in found)
    return Judgment(
        rating=best.rating,
        service=best.service,
        generic=bool(best.options.generic),
        for_=best.options.for_,
        below_root=best.prefix is None or not best.options.generic or best.prefix.below_root,
        by=best.options.by,
        on=best.options.on,
        valid_until=min((end for end in ends if end), default=None),
        every_form=all(answers),
    )


def _candidates(label_list: LabelList, now: datetime, aliases: Mapping[str, str] | None) -> Iterator[_Candidate]:
    for service in label_list.services:
        if service.service is None or service.options.void:
            continue
        for label in service.each_label():
            options = effective_options(service, label)
            rating = rating_of_ratings(service.service, dict(label.ratings), aliases)
            if rating is not None and usable(options, now):
                prefix = parse_prefix(options.for_) if options.for_ is not None else None
                yield _Candidate(rating, service.service, options, prefix)


def _is_about(candidate: _Candidate, url: Url | None, form: int, document: bool) -> bool:
    if candidate.options.for_ is None:
        return document
    if url is None or candidate.prefix is None:
        return False
    return candidate.prefix.covers(url, form, bool(candidate.options.generic))


def _strictest(covering: list[_Candidate]) -> _Candidate | None:
    """The label that holds in each service, then the highest of them."""
    holding: dict[str, _Candidate] = {}
    for candidate in covering:
        other = holding.get(candidate.service)
        if other is None or candidate.rank > other.rank:
            holding[candidate.service] = candidate
    return max(holding.values(), key=lambda candidate: candidate.rating, default=None)
