"""Our own answers: the page that says why, the help page and what a device fetches before it uses the proxy."""

import secrets
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path

from mitmproxy import http

from sfs.core.policy import Policy
from sfs.core.verdict import Verdict
from sfs.proxy.facts import with_mark
from sfs.proxy.refused import Refusal
from sfs.sources.filter import Filter
from sfs.sources.helplines import HelpLine, helplines_for
from sfs.sources.protection import protection
from sfs.sources.settings import PageLanguage
from sfs.text.url import Url
from sfs.web import pages
from sfs.web.pages import PageAnswer
from sfs.web.texts import Language, language_of

_CODE_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # RFC 4648 base32
_FIXED: dict[PageLanguage, Language | None] = {PageLanguage.AUTO: None, PageLanguage.JA: "ja", PageLanguage.EN: "en"}
_CERTIFICATES = {"/ca.pem": "pem", "/ca.cer": "cer", "/ca.mobileconfig": "mobileconfig"}


def decision_code() -> str:
    """Ten random base32 characters: the key of a log record, with no data in it."""
    return "".join(secrets.choice(_CODE_LETTERS) for _ in range(10))


def response_of(answer: PageAnswer) -> http.Response:
    """A page as mitmproxy's response."""
    headers = tuple((name.encode(), value.encode()) for name, value in answer.headers)
    return http.Response.make(answer.status, answer.body, http.Headers(headers))


class Pages:
    """Pages of one filter."""

    def __init__(self, filter_: Filter, certificate: Callable[[], Path | None]) -> None:
        self.filter = filter_
        self._certificate = certificate

    def _lines(self, request: http.Request, *, images_first: bool = False) -> tuple[HelpLine, ...]:
        return helplines_for(self.filter.helplines, self.language(request), images_first=images_first)

    def language(self, request: http.Request) -> Language:
        """The reader's language: the configured one, else by Accept-Language."""
        fixed = self.filter.config.language
        return language_of(request.headers.get("accept-language"), None if fixed == "auto" else fixed)

    def blocked(self, request: http.Request, url: Url, verdict: Verdict, code: str | None) -> http.Response:
        """The page that says why, or a small answer of the kind that was asked for."""
        kind = pages.kind_of_answer(request.headers.get("sec-fetch-dest"), request.headers.get("accept"), url.sent.path)
        blocked = pages.Blocked(verdict.check, verdict.reason, url.host, verdict.rating, verdict.level, code, kind)
        back = request.headers.get("referer")
        return response_of(
            pages.block_page(
                self.language(request),
                blocked,
                self._lines(request, images_first=verdict.check == "mandatory"),
                back_url=back,
                today=date.today(),
            )
        )

    def help_words(self, request: http.Request, url: Url) -> http.Response:
        """Help lines before a search with help words, and the way on."""
        go_on = with_mark(url.text)
        return response_of(
            pages.help_words_page(self.language(request), self._lines(request), go_on, today=date.today())
        )

    def error(self, request: http.Request, problem: str, host: str = "") -> http.Response:
        """A page for what is no verdict: a bad request, an address that is closed, a loop."""
        return response_of(pages.error_page(self.language(request), problem, host))

    def connection(self, status: int, said: str) -> bytes:
        """The page where no hook can answer: a server that cannot be reached, a request that is none. `said` tells a
        certificate's fault from others and is not repeated."""
        fixed = self.filter.config.language
        problem = {400: "bad-request", 408: "bad-request", 414: "too-long", 431: "headers", 504: "no-answer"}.get(
            status, "certificate" if "certificate verify failed" in said.lower() else "unreachable"
        )
        return pages.connection_page(_FIXED[fixed], problem).body

    def own(
        self, request: http.Request, policy: Policy, refused: Sequence[Refusal], proxy: str, *, through_proxy: bool
    ) -> http.Response:
        """A page of `http://sfs.home.arpa/`, or of the proxy's own port. `proxy`: HOST:PORT this client reached."""
        path = request.path.partition("?")[0]
        if path in ("/proxy.pac", "/wpad.dat"):
            return response_of(pages.pac_file(proxy))
        if path in _CERTIFICATES:
            return self._ca(request, _CERTIFICATES[path])
        language = self.language(request)
        if path == "/why":
            rows = [(x.time.strftime("%H:%M"), x.host, x.reason) for x in refused]
            return response_of(pages.why_page(language, rows))
        if path != "/":
            return self.error(request, "not-found")
        return response_of(self._help(language, request, policy, proxy, through_proxy=through_proxy))

    def _help(
        self, language: Language, request: http.Request, policy: Policy, proxy: str, *, through_proxy: bool
    ) -> PageAnswer:
        config = self.filter.config
        protects = protection(self.filter, policy)
        state = pages.FilterState(
            through_proxy=through_proxy,
            level=None if policy.checks is not None else policy.level,
            proxy=proxy,
            https=protects.https,
            protects=tuple(pages.Protection(*line) for line in protects.lines),
            record=policy.record,  # type: ignore[arg-type]
            retention_days=config.retention.days,
            certificate=self._certificate() is not None,
        )
        return pages.help_page(language, state, self._lines(request), today=date.today())

    def _ca(self, request: http.Request, kind: str) -> http.Response:
        path = self._certificate()
        if path is None:
            return self.error(request, "not-found")
        answer = pages.certificate_answer(path.read_bytes(), kind)  # type: ignore[arg-type]
        return response_of(answer)


def local_now() -> datetime:
    """The local time with its zone: what timetables and records are in."""
    return datetime.now().astimezone()
