"""What is known of a request. A fact that is None was not asked for yet; an empty one was asked and is empty."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from sfs.core.label import LabelAnswer
from sfs.match.phrases import Phrase
from sfs.pics.selflabels import SelfLabel
from sfs.text.url import Url


class Https(StrEnum):
    """How much of an HTTPS connection is seen. Plain HTTP is always seen whole."""

    INSPECT = "inspect"
    SNI = "sni"


class Kind(StrEnum):
    """Documents are judged by every check, what a document loads only by some (design, section 3)."""

    DOCUMENT = "document"
    SUBRESOURCE = "subresource"


class Fact(StrEnum):
    """What `decide` can ask for."""

    LABELS = "labels"  # of a URL: own ratings, rating files, label bureaus
    PAGE = "page"  # what the response says of itself
    BODY = "body"  # what stands in its text


class Need(NamedTuple):
    """Not an answer yet: the adapter gets this fact and asks again. `url` is the page whose labels are asked.
    `notice` asks for a page to be shown before the fact is got, as that of a Verdict does."""

    fact: Fact
    url: Url
    notice: str | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """The phrases found in what a reader sees of a page, and in its scripts and data, each once; never its text."""

    visible: tuple[Phrase, ...] = ()
    script: tuple[Phrase, ...] = ()


# Never changed once made, as Url: see there.
@dataclass(slots=True, unsafe_hash=True)
class Page:
    """What a response says of itself in its header and the head of its HTML. `cut`: the head did not end within
    the bounds, so nobody knows what it would have said. `texts`: title, description, keywords, Open Graph.
    `body`: of its whole text, where a policy asks for it; `body_asked`: there is no text to look at."""

    texts: Final[tuple[str, ...]] = ()
    self_labels: Final[tuple[SelfLabel, ...]] = ()
    cut: Final[bool] = False
    body: Final[Body | None] = None
    body_asked: Final[bool] = False


_NOTHING: Mapping[str, LabelAnswer] = MappingProxyType({})


# Never changed once made, as Url: see there.
@dataclass(slots=True, unsafe_hash=True)
class Facts:
    """One request. `labels` maps the canonical text of a URL to what was answered of it, so that the page inside
    a translator's URL can be asked for as well. `time` is the client's local time, with its zone."""

    url: Final[Url]
    https: Final[Https] = Https.INSPECT
    kind: Final[Kind] = Kind.DOCUMENT
    method: Final[str] = "GET"
    form: Final[bytes | None] = None  # the body of a search sent by POST
    form_kind: Final[str] = ""  # its Content-Type; none: an urlencoded form. That of a DNS message without its body
    client: Final[str | None] = None
    login: Final[str | None] = None
    time: Final[datetime | None] = None
    labels: Final[Mapping[str, LabelAnswer]] = field(default=_NOTHING)
    page: Final[Page | None] = None
    page_asked: Final[bool] = False  # True: there is no response to look at (explain without --html)
    # The policy and the ruleset that have nothing to say of the address, once that was told (quick.py): they are asked
    # again with the page. It rests on all the facts above, so `replace` does not take it along.
    silent: tuple[object, object] | None = field(default=None, init=False, compare=False, repr=False)
    silent_head: tuple[object, object] | None = field(default=None, init=False, compare=False, repr=False)  # of `page`

    def with_labels(self, url: Url, answer: LabelAnswer) -> "Facts":
        """These facts and what was answered of `url`."""
        return self._with({**self.labels, url.text: answer}, self.page, self.page_asked)

    def with_page(self, page: Page | None) -> "Facts":
        """These facts and what the response says; None where there is no response to look at."""
        made = self._with(self.labels, page, True)
        made.silent = self.silent  # the page changes nothing that it rests on
        return made

    def _with(self, labels: Mapping[str, LabelAnswer], page: Page | None, page_asked: bool) -> "Facts":
        # Spelled out, since it is done for every request: dataclasses.replace takes four times as long.
        return Facts(
            self.url,
            self.https,
            self.kind,
            self.method,
            self.form,
            self.form_kind,
            self.client,
            self.login,
            self.time,
            labels,
            page,
            page_asked,
        )

    def with_body(self, body: Body | None) -> "Facts":
        """These facts and what the text of the response holds; None where there is none to look at."""
        made = self.with_page(replace(self.page or Page(), body=body, body_asked=True))
        made.silent_head = self.silent_head if self.page is not None else None
        return made
