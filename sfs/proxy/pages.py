"""Our own answers: the page that says why, the help page and what a device fetches before it uses the proxy."""

import secrets
from collections.abc import Callable, Sequence
from datetime import date, datetime, tzinfo
from pathlib import Path
from time import time
from typing import Final

from cryptography import x509
from mitmproxy import http

from sfs.core.policy import Policy
from sfs.core.verdict import Verdict
from sfs.lists.mandatory import Purpose
from sfs.proxy.facts import with_mark
from sfs.proxy.refused import Refusal
from sfs.proxy.reporting import Reporting
from sfs.sources.helplines import HelpLine, helplines_for
from sfs.sources.live import Live
from sfs.sources.protection import protection
from sfs.sources.reports import Reports
from sfs.sources.settings import PageLanguage
from sfs.text.url import Url, is_address
from sfs.web import checkpage, pages, report
from sfs.web.device import CertificateKind, DeviceState, is_firefox, system_of
from sfs.web.pages import HELP_URL, PageAnswer
from sfs.web.report import report_url
from sfs.web.stop import of_pictures
from sfs.web.texts import Language, language_of

_CODE_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # RFC 4648 base32
_FIXED: dict[PageLanguage, Language | None] = {PageLanguage.AUTO: None, PageLanguage.JA: "ja", PageLanguage.EN: "en"}
_PROBLEMS: Final = {  # by the status of what no hook answers
    **dict.fromkeys((400, 408, 505), "bad-request"),
    414: "too-long",
    431: "headers",
    504: "no-answer",
}
_CERTIFICATES: Final[dict[str, CertificateKind]] = {
    "/ca.pem": "pem",
    "/ca.cer": "cer",
    "/ca.mobileconfig": "mobileconfig",
}
_zone: tuple[int, tzinfo | None] = (0, None)  # of this second of the clock
_PRIVATE: Final = ("/why", report.PATH, report.SENT)
_NEAR: Final = (".local", ".home.arpa", ".localhost", ".lan", ".internal")  # names that no site on the web can have


def decision_code() -> str:
    """Ten random base32 characters: the key of a log record, with no data in it."""
    return "".join(secrets.choice(_CODE_LETTERS) for _ in range(10))


def response_of(answer: PageAnswer) -> http.Response:
    """A page as mitmproxy's response."""
    headers = tuple((name.encode(), value.encode()) for name, value in answer.headers)
    return http.Response.make(answer.status, answer.body, http.Headers(headers))


class Pages:
    """Pages of the filter in force. `certificate`: the CA's file, None where there is none. `reports`: where readers'
    reports go, None where they are not taken. `lan`: HOST:PORT as other devices reach the proxy, None: they do not.
    `settings`: the address of the page that sets the filter, by a client's address; None where it reaches none."""

    def __init__(
        self,
        live: Live,
        certificate: Callable[[], Path | None],
        reports: Reports | None = None,
        lan: Callable[[], str | None] = lambda: None,
        settings: Callable[[str], str | None] = lambda client: None,
        form_key: bytes | None = None,
    ) -> None:
        self._live = live
        self._certificate = Certificate(certificate)
        self._lan = lan
        self._settings = settings
        self._reporting = Reporting(reports, form_key)

    def _lines(self, request: http.Request, *, images_first: bool = False) -> tuple[HelpLine, ...]:
        return helplines_for(self._live.filter.helplines, self.language(request), images_first=images_first)

    def _hotlines(self, request: http.Request) -> tuple[HelpLine, ...]:
        """Who takes reports of pictures of children being hurt; then who helps to get own pictures removed."""
        lines = self._lines(request, images_first=True)
        reports = tuple(line for line in lines if line.reports)
        return (*reports, *(line for line in lines if line.images and not line.reports))

    def _orange(self, policy: Policy | None = None) -> bool:
        return protection(self._live.filter, policy).state == "orange"

    def language(self, request: http.Request) -> Language:
        """The reader's language: the configured one, else by Accept-Language."""
        fixed = self._live.filter.config.language
        return language_of(request.headers.get("accept-language"), None if fixed == "auto" else fixed)

    def blocked(self, request: http.Request, url: Url, verdict: Verdict, code: str | None) -> http.Response:
        """The page that says why, or a small answer of the kind that was asked for."""
        kind = pages.kind_of_answer(request.headers.get("sec-fetch-dest"), request.headers.get("accept"), url.sent.path)
        # A code stands for a record, so for a verdict of which something may be kept.
        wrong = report_url("blocked", url.host, code) if code and self._reporting.takes_any else None
        mandatory, stop = verdict.check == "mandatory", self._live.filter.config.stop_page
        purpose = self._purpose(verdict) if mandatory else None
        blocked = pages.Blocked(
            verdict.check, verdict.reason, url.host, verdict.rating, verdict.level, code, kind, wrong
        )
        return response_of(
            pages.block_page(
                self.language(request),
                blocked,
                self._lines(request, images_first=mandatory and of_pictures(purpose)),
                back_url=request.headers.get("referer"),
                today=date.today(),
                orange=kind == "page" and not mandatory and self._orange(),
                stop=stop,
                purpose=purpose,
            )
        )

    def _purpose(self, verdict: Verdict) -> Purpose | None:
        """Why the mandatory list of a verdict exists: as it says itself, else as the provider says of all of them."""
        filter_ = self._live.filter
        said = {f"{lst.id} {lst.serial}": lst.purpose for lst in filter_.ruleset.mandatory}.get(verdict.source or "")
        stop = filter_.config.stop_page
        return Purpose(said) if said else stop.purpose if stop else None

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
        fixed = self._live.filter.config.language
        problem = _PROBLEMS.get(status, "certificate" if "certificate verify failed" in said.lower() else "unreachable")
        return pages.connection_page(_FIXED[fixed], problem).body

    def own(
        self,
        request: http.Request,
        policy: Policy,
        refused: Sequence[Refusal],
        proxy: str,
        *,
        through_proxy: bool,
        device: DeviceState | None = None,
        client: str = "",
    ) -> http.Response:
        """A page of `http://sfs.home.arpa/`, or of the proxy's own port. `proxy`: HOST:PORT this client reached;
        `device`: what is known of its certificate; `client`: its address. A sent report is for `report`."""
        path = request.path.partition("?")[0]
        if path in ("/proxy.pac", "/wpad.dat"):
            return response_of(pages.pac_file(proxy))
        if path in _CERTIFICATES:
            return self._ca(request, _CERTIFICATES[path])
        language = self.language(request)
        if path == "/on.svg" and through_proxy:
            return response_of(pages.on_image(language))
        if path in _PRIVATE and not _asked_by_our_name(request, self._live.filter.ruleset.own_hosts):
            return http.Response.make(302, b"", {"Location": HELP_URL + request.path[1:], "Cache-Control": "no-store"})
        if path == "/why":
            rows = [(x.time.strftime("%H:%M"), x.host, x.reason) for x in refused]
            return response_of(
                pages.why_page(language, rows, orange=self._orange(policy), reports=self._reporting.takes(policy))
            )
        if path == report.PATH:
            lines, orange = self._hotlines(request), self._orange(policy)
            return response_of(self._reporting.form(request, language, client, policy, lines, orange=orange))
        if path == report.SENT:
            return response_of(report.sent_page(language, self._hotlines(request)))
        if path != "/":
            return self.error(request, "not-found")
        return response_of(self._help(request, policy, proxy, device, client, through_proxy=through_proxy))

    def check(self, request: http.Request, run: str) -> http.Response:
        """The page that tries the ways around the filter."""
        return response_of(checkpage.check_page(self.language(request), run))

    def check_script(self, request: http.Request) -> http.Response:
        """Its script."""
        return response_of(checkpage.check_script())

    def check_result(self, request: http.Request, came: checkpage.Came, policy: Policy) -> http.Response:
        """What came of them."""
        leveled = policy.checks is None
        inspects = leveled and self._live.filter.config.https != "sni"
        here = checkpage.Here(policy.level if leveled else None, inspects, policy.stands_for is not None)
        return response_of(checkpage.result_page(self.language(request), came, here))

    async def report(self, request: http.Request, client: str, policy: Policy, reached: str) -> http.Response:
        """POST /report with its whole body: 303 to the page that says thank you, or the form with what is wrong.
        The report is written in a thread. `reached` is there for the same arguments as `own` has."""
        filter_ = self._live.filter
        if request.path.partition("?")[0] != report.PATH or not _asked_by_our_name(request, filter_.ruleset.own_hosts):
            return self.error(request, "not-found")
        language, lines = self.language(request), self._hotlines(request)
        return response_of(await self._reporting.send(request, language, client, policy, lines, filter_, local_now()))

    def proof(self, request: http.Request) -> http.Response:
        """The picture that says that the certificate works, in the reader's language."""
        return response_of(pages.proof_image(self.language(request)))

    def _help(
        self,
        request: http.Request,
        policy: Policy,
        proxy: str,
        device: DeviceState | None,
        client: str,
        *,
        through_proxy: bool,
    ) -> PageAnswer:
        filter_ = self._live.filter
        protects = protection(filter_, policy)
        until = policy.valid_until if policy.stands_for is not None else None
        usual = policy.stands_for or policy
        agent = request.headers.get("user-agent")
        state = pages.FilterState(
            through_proxy=through_proxy,
            level=None if usual.checks is not None else usual.level,
            paused="" if until is None else until.astimezone().strftime("%H:%M"),
            proxy=proxy,
            https=protects.https,
            protects=tuple(pages.Protection(*line) for line in protects.lines),
            record=policy.record,  # type: ignore[arg-type]
            retention_days=filter_.config.retention.days,
            certificate=self._certificate.pem() is not None,
            orange=protects.state == "orange",
            warnings=tuple(pages.Protection(*line) for line in protects.warnings),
            device=device,
            lan=self._lan(),
            system=system_of(agent),
            firefox=is_firefox(agent),
            certificate_name=self._certificate.name(),
            report_url=report.report_path("shown") if self._reporting.takes(policy) else None,
            settings_url=self._settings(client),
        )
        return pages.help_page(self.language(request), state, self._lines(request), today=date.today())

    def _ca(self, request: http.Request, kind: CertificateKind) -> http.Response:
        pem = self._certificate.pem()
        if pem is None:
            return self.error(request, "not-found")
        return response_of(pages.certificate_answer(pem, kind))


class Certificate:
    """The CA's certificate, read once: it does not change while the proxy runs."""

    def __init__(self, path: Callable[[], Path | None]) -> None:
        self._path = path
        self._pem: bytes | None = None
        self._name = "SFS"

    def pem(self) -> bytes | None:
        """The file's bytes; None where there is no file yet."""
        path = self._path() if self._pem is None else None
        if path is not None:
            self._pem = path.read_bytes()
            self._name = common_name(self._pem) or self._name
        return self._pem

    def name(self) -> str:
        """What a system lists the certificate as."""
        self.pem()
        return self._name


def common_name(pem: bytes) -> str | None:
    """The common name of the first certificate in `pem`; None where there is none."""
    try:
        names = x509.load_pem_x509_certificate(pem).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    except ValueError:
        return None
    return str(names[0].value) if names else None


def _asked_by_our_name(request: http.Request, own_hosts: frozenset[str]) -> bool:
    """Whether a browser asks by a name that can only be ours. A site of somebody else could give itself our address
    (DNS rebinding) and then read in our pages what its reader was refused, or write in his name."""
    host = (request.host_header or request.host).rpartition("@")[2].lower()
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    return name in own_hosts or is_address(name.strip("[]")) or "." not in name or name.endswith(_NEAR)


def local_now() -> datetime:
    """The local time with its zone: what timetables and records are in. The zone is looked up once a second."""
    global _zone
    now = time()
    second, zone = _zone
    if second != (second := int(now)):
        zone = datetime.fromtimestamp(now).astimezone().tzinfo
        _zone = (second, zone)
    return datetime.fromtimestamp(now, zone)
