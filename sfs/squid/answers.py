"""A verdict as Squid takes it.

Spec: squid.conf, `external_acl_type` and `url_rewrite_program`: OK, ERR or BH, then keywords; each value one token with
URL escaping. As external ACL OK means shown. To a rewriter ERR means "leave it as it is", and a redirect is OK.
"""

import os
from base64 import b32encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import quote

from sfs.core.verdict import Verdict
from sfs.errors import SfsError

MAX_VALUE: Final = 400  # characters of a keyword's value: Squid takes a line of 32 KiB at most
MAX_PAGE: Final = 2000  # characters of the address of the block page
_CODES: Final = 512  # made at once: asking the system for each costs more than a verdict


@dataclass(frozen=True, slots=True)
class Answer:
    """The line without its channel. `behind`: None, or what stands behind a decision code that is made anew each time
    and ends `text`."""

    text: str
    behind: str | None = None


class Answers(Protocol):
    """One of the two protocols."""

    shown: str  # the answer to what is shown, nothing else said

    def answer(self, verdict: Verdict, host: str, *, recorded: bool) -> Answer:
        """`recorded`: a log may hold this verdict, so it gets a code."""

    def failed(self, why: str) -> str:
        """The answer to a line that cannot be read: never one that shows anything."""


class AclAnswers:
    """For external_acl_type: `http_access deny !sfs_shown`."""

    shown = "OK\n"

    def answer(self, verdict: Verdict, host: str, *, recorded: bool) -> Answer:
        """message= is the decision code, tag= the check that answered, log= both with reason and source."""
        if not verdict.blocked:
            return Answer(self.shown)
        tag = _value(verdict.check)
        if not recorded:
            return Answer(f"ERR message=- tag={tag}\n")
        source = f" {verdict.source}" if verdict.source else ""
        log = _value(f" {verdict.check} {verdict.reason}{source}")
        return Answer(f"ERR tag={tag} message=", f"\0{log}\n")

    def failed(self, why: str) -> str:
        """Squid then takes neither the ACL nor its opposite for true, and closes."""
        return f"BH message={_value(why)}\n"


class RewriteAnswers:
    """For url_rewrite_program. `page`: the address of the block page, where {code}, {check}, {reason} and {host} are
    filled in. SfsError where that is no address that can stand in a redirect."""

    shown = "ERR\n"

    def __init__(self, page: str) -> None:
        if not page.startswith(("http://", "https://")) or not page.isascii() or len(page) > MAX_PAGE:
            raise SfsError(f"--page {page[:80]!r} is no address of a page", mend="write it as http://host/blocked.html")
        if any(char in ' "\\' or not char.isprintable() for char in page):
            raise SfsError(f"--page {page!r} has a character that no URL has", mend="percent-encode it")
        self._page = page
        self._fixed = None if "{" in page else Answer(f'OK status=302 url="{page}"\n')

    def answer(self, verdict: Verdict, host: str, *, recorded: bool) -> Answer:
        """A redirect to the block page."""
        if not verdict.blocked:
            return Answer(self.shown)
        if self._fixed is not None:
            return self._fixed
        page = self._page.replace("{check}", _value(verdict.check)).replace("{reason}", _value(verdict.reason))
        head, found, tail = page.partition("{code}")
        head, tail = (part.replace("{host}", _value(host)) for part in (head, tail))
        if not recorded or not found:
            return Answer(f'OK status=302 url="{head}{tail.replace("{code}", "")}"\n')
        return Answer(f'OK status=302 url="{head}', f'{tail.replace("{code}", "")}"\n')

    def failed(self, why: str) -> str:
        """BH would show the page: what cannot be read is sent to the block page."""
        page = self._page.replace("{check}", "bad-request").replace("{reason}", "bad-request")
        return f'OK status=302 url="{page.replace("{code}", "").replace("{host}", "")}"\n'


def with_code(answer: Answer, codes: Iterator[str]) -> str:
    """The answer's text, with a new code where it has one. Behind \\0 stands what log= gets with the same code."""
    if answer.behind is None:
        return answer.text
    code = next(codes)
    if answer.behind.startswith("\0"):
        return f"{answer.text}{code} log={code}{answer.behind[1:]}"
    return f"{answer.text}{code}{answer.behind}"


def decision_codes() -> Iterator[str]:
    """Ten random base32 characters each: the key of a line in Squid's log, with no data in it."""
    while True:
        text = b32encode(os.urandom(5 * _CODES * 2)).decode("ascii")  # 5 bytes give 8 letters
        for at in range(0, len(text) - 9, 10):
            yield text[at : at + 10]


def _value(text: str) -> str:
    return quote(text[:MAX_VALUE], safe="/:@,=+", errors="replace")
