"""The same checks without traffic, with what each of them said: for `sfs explain` and the pages."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sfs.core.body import body_from
from sfs.core.decide import Step
from sfs.core.facts import Fact, Facts, Https, Kind, Need, Page
from sfs.core.page import page_from
from sfs.core.policy import Policy
from sfs.core.sight import as_seen
from sfs.core.verdict import Action, Verdict
from sfs.errors import UrlError
from sfs.sources.filter import Filter
from sfs.sources.waiting import judged_here
from sfs.text.refused import named_by
from sfs.text.url import Url, parse_url

_IGNORED: Final = re.compile(r"[\x00-\x20]+")  # what browsers take out before and inside a scheme
_SCHEME: Final = re.compile(r"(?:https?|wss?|ftp):", re.I)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks and what is known of the response. `at`: local time with its zone; `headers`: names in lower case."""

    at: datetime
    https: Https = Https.INSPECT
    kind: Kind = Kind.DOCUMENT
    client: str | None = None
    user: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    title: str | None = None
    html: bytes | None = None

    @property
    def has_response(self) -> bool:
        """Whether anything of a response was given."""
        return self.title is not None or self.html is not None or bool(self.headers)


@dataclass(frozen=True, slots=True)
class Explained:
    """One URL with its verdict and the way to it. `canonical` is None for what no browser opens."""

    text: str
    canonical: str | None
    verdict: Verdict
    trace: tuple[Step, ...]
    policy: Policy


def explain_url(text: str, filter_: Filter, asked: Asked, *, with_trace: bool = True) -> Explained:
    """The verdict on one URL (https where no scheme is written) and, unless nobody will see it, the way to it. A text
    that no browser opens is blocked as `bad-request`; its canonical form is what it would name (text/refused.py)."""
    policy = filter_.policies.policy_for(asked.client, asked.user, None, asked.at)
    trace: list[Step] | None = [] if with_trace else None
    try:
        url = parse_url(text if _has_scheme(text) else f"https://{text}")
    except UrlError as fault:
        verdict = Verdict(Action.BLOCK, "bad-request", "bad-request", policy.level, source=fault.what)
        return Explained(text, named_by(text), verdict, (), policy)
    seen = as_seen(url, asked.https, policy, filter_.ruleset)
    facts = Facts(seen, asked.https, asked.kind, client=asked.client, login=asked.user, time=asked.at)
    if not asked.has_response:
        facts = facts.with_page(None)
    answer, facts = judged_here(filter_, facts, policy, trace)
    if isinstance(answer, Need):
        answer, facts = judged_here(filter_, facts.with_page(_page(url, asked)), policy, trace)
    if isinstance(answer, Need) and answer.fact is Fact.BODY:
        body = None if asked.html is None else body_from(asked.headers, asked.html, policy, filter_.ruleset)
        answer, facts = judged_here(filter_, facts.with_body(body), policy, trace)
    assert isinstance(answer, Verdict)
    return Explained(text, url.text, answer, tuple(trace or ()), policy)


def _has_scheme(text: str) -> bool:
    """Whether a scheme is written, in any way that a browser takes: http:\\\\host and https:host have one too."""
    return "://" in text[:12] or _SCHEME.match(_IGNORED.sub("", text[:64])) is not None


def _page(url: Url, asked: Asked) -> Page | None:
    if not asked.has_response:
        return None
    page = page_from(url, asked.headers, asked.html, asked.at)
    return Page((asked.title, *page.texts), page.self_labels, page.cut) if asked.title is not None else page
