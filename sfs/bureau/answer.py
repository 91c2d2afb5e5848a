"""The answer of a bureau as one label list: a part for each service asked, in it an entry for each URL, both in the
order of the question, since clients match them by their place.

US-ASCII alone: a comment or a name in another script is left out. What goes wrong for one service or one URL stands
inside the list, as an error in its place. Spec: PICS Labels 1.1, "Requesting Labels from a Label Bureau".
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from sfs.bureau.query import Asked, Format, Query
from sfs.errors import LabelError
from sfs.pics.options import write_date
from sfs.pics.stored import StoredLabel
from sfs.pics.values import Ratings, write_ratings

MAX_AGE: Final = 300  # seconds that an answer may be kept where no label in it ends sooner
MAX_COMMENT: Final = 500  # characters
MAX_TEXT: Final = 2_097_152  # characters of labels; an answer with long URLs in trees would have no bound
AWAY: Final = 'error (service-unavailable "the labels cannot be read now")'
UNKNOWN: Final = 'error (no-ratings "unknown service")'
_LAST: Final = datetime.max.replace(tzinfo=UTC) - timedelta(days=2)

type Entry = StoredLabel | None
type Tree = list[StoredLabel] | None  # None: more labels than one answer holds


@dataclass(frozen=True, slots=True)
class Labels:
    """What one service says: for each URL its label, or None."""

    service: str
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Trees:
    """What one service says below each URL."""

    service: str
    entries: Sequence[Tree]


@dataclass(frozen=True, slots=True)
class Away:
    """A service whose labels cannot be read now."""

    service: str


type Part = Labels | Trees | Away | None  # None: a service that this bureau does not have


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is US-ASCII; `max_age`: seconds that it stays true, 0 where it says that something is away. `found` of
    `entries` were labels or trees."""

    text: str
    max_age: int
    entries: int
    found: int
    unknown: int = 0
    away: int = 0


def write_answer(query: Query, parts: Sequence[Part], now: datetime) -> Answer:
    """The label list that answers `query`; `parts` in the order of its services. `now`: aware, what `max_age` counts
    from."""
    body = _Body(query)
    away = unknown = 0
    for place, part in enumerate(parts):
        if part is None:
            unknown += 1
            body.pieces.append(UNKNOWN)
        elif isinstance(part, Away):
            away += 1
            body.pieces.append(f'"{_id(query, place, part.service)}" {AWAY}')
        else:
            tree = isinstance(part, Trees)
            body.pieces.append(f'"{_id(query, place, part.service)}" l')
            for asked, entry in zip(query.urls, part.entries, strict=True):
                body.add(asked, entry, tree)
    age = MAX_AGE if body.ends is None else max(0, min(MAX_AGE, int((body.ends - now).total_seconds())))
    text = "\n ".join(body.pieces) or UNKNOWN
    entries = (len(parts) - away - unknown) * len(query.urls)
    return Answer(f"(PICS-1.1 {text})\n", 0 if away else age, entries, body.found, unknown, away)


def _id(query: Query, place: int, service: str) -> str:
    """The id of a service as it was asked for: a client may know it by another of its ids alone."""
    return query.services[place] if query.services else quotable(service)


@dataclass(slots=True)
class _Body:
    """The answer as it grows. `room`: characters left for labels; `ends`: when the first of them does."""

    query: Query
    pieces: list[str] = field(default_factory=list)
    found: int = 0
    room: int = MAX_TEXT
    ends: datetime | None = None

    def add(self, asked: Asked, entry: Entry | Tree, tree: bool) -> None:
        """One more entry: what there is for `asked`."""
        if not entry and not (tree and entry is None):
            self.pieces.append(f'error (not-labeled "{asked.text}")')
            return
        text = _write_entry(asked, entry, self.query.format) if entry else ""
        self.room -= len(text)
        if entry is None or self.room < 0:
            self.pieces.append(f'error (request-denied "{asked.text}" "too many labels for one answer")')
            return
        self.pieces.append(text)
        self.found += 1
        for label in (entry,) if isinstance(entry, StoredLabel) else entry:
            if label.until is not None and (self.ends is None or label.until < self.ends):
                self.ends = label.until


def _write_entry(asked: Asked, entry: StoredLabel | list[StoredLabel], format_: Format) -> str:
    try:
        if isinstance(entry, StoredLabel):
            return write_label(entry, format_, asked)
        return f"({' '.join(write_label(label, format_) for label in entry)})"
    except LabelError:  # a value that PICS has no notation for: not the same as no label
        return f'error (request-denied "{asked.text}" "the label cannot be written")'


def write_label(label: StoredLabel, format_: Format, asked: Asked | None = None) -> str:
    """One label. With `asked`, the URL at this place of the question: `for` is left out of a specific label, and a
    generic one names a prefix that begins this URL. Without it, as inside a tree, `for` always stands. LabelError where
    its ratings cannot be written."""
    text = f"r {_ratings(label.ratings)}"
    if format_ is not Format.MINIMAL:
        text = _options(label, format_) + text
    if label.generic:
        prefix = label.for_ if asked is None else _prefix(label, asked)
        return f'gen true for "{quotable(prefix)}" {text}'
    return text if asked is not None else f'for "{quotable(label.for_)}" {text}'


def _prefix(label: StoredLabel, asked: Asked) -> str:
    """The prefix of a generic label as a client can use it: it compares text, while the bureau takes http and https as
    one site, every port of a host that is rated as a whole, and the names below a domain."""
    url = asked.url
    if url is None or url.text.startswith(label.for_):
        return label.for_
    scheme, _, rest = label.for_.partition("://")
    host, slash, path = rest.partition("/")
    if label.below or not (slash and path):
        return f"{url.origin}/"
    return f"{url.scheme if scheme in ('http', 'https') else scheme}://{host}/{path}"


def _options(label: StoredLabel, format_: Format) -> str:
    text = ""
    if format_ is not Format.SHORT:
        if label.by is not None and (by := _plain(label.by)):
            text = f'by "{by}" '
        if label.comment is not None and (comment := _plain(label.comment)):
            text += f'comment "{comment}" '
    if label.on is not None:
        text += f'on "{_date(label.on)}" '
    if label.until is not None:
        text += f'until "{_end(label.until)}" '
    return text


def _plain(text: str) -> str:
    """`text` as PICS can quote it; nothing where it holds another script."""
    plain = " ".join(text[:MAX_COMMENT].replace('"', "'").split()) if text.isascii() else ""
    return plain if plain.isprintable() else ""


def quotable(url: str) -> str:
    """A URL of the store as it can stand in quotes; it is as it was, save for what no canonical URL holds."""
    if url.isascii() and '"' not in url and url.isprintable():
        return url
    return "".join(map(_quotable, url))


def _quotable(char: str) -> str:
    if " " <= char <= "~" and char != '"':
        return char
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "replace"))


@lru_cache(maxsize=1024)  # a service has few ratings, and they are written for each URL of a question
def _ratings(ratings: Ratings) -> str:
    return write_ratings(ratings)


@lru_cache(maxsize=1024)  # an import gives all its labels one date
def _date(moment: datetime) -> str:
    """Clients of the time read 21 characters exactly: no seconds."""
    return write_date(moment.replace(second=0, microsecond=0))


@lru_cache(maxsize=1024)
def _end(moment: datetime) -> str:
    """As `_date`, the next whole minute: nobody is to drop a label that the bureau still has. How long an answer may be
    kept is said to the second (`max_age`)."""
    if (moment.second or moment.microsecond) and moment < _LAST:
        moment += timedelta(minutes=1)
    return _date(moment)
