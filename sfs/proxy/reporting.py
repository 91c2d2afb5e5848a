"""The reader's report at the proxy: who may send one, of what, and where it goes.

Never kept: help hosts, searches and notes that call for help, what a mandatory list closes, anything of a policy that
judges by such lists alone (profile isp) or records nothing.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from mitmproxy import http

from sfs.core.facts import Facts, Need
from sfs.core.policy import Policy
from sfs.errors import SfsError, UrlError
from sfs.match.words import Place
from sfs.sources.filter import Filter
from sfs.sources.helplines import HelpLine
from sfs.sources.reports import Report, Reports, new_report
from sfs.text.url import Url, name_url, parse_url
from sfs.web.answer import PageAnswer
from sfs.web.report import MAX_FORM, MAX_NOTE, Desk, Form, Problem, read_form, report_page, sent_answer
from sfs.web.texts import Language

FORM_TYPE: Final = "application/x-www-form-urlencoded"
_NAMES: Final = re.compile(r"(?:[a-z0-9-]+\.)+[a-z0-9-]+")  # host names in a text


class Reporting:
    """Answers the pages of the report. `reports` None: no report is taken, the page only says where else to turn."""

    def __init__(self, reports: Reports | None, key: bytes | None = None) -> None:
        self._reports = reports
        self._desk = Desk(key)

    @property
    def takes_any(self) -> bool:
        """Whether reports are taken at all."""
        return self._reports is not None

    def takes(self, policy: Policy) -> bool:
        """Whether readers of this policy may send a report."""
        return self._reports is not None and policy.checks is None and policy.record != "nothing"

    def form(
        self,
        request: http.Request,
        language: Language,
        client: str,
        policy: Policy,
        hotlines: Sequence[HelpLine],
        *,
        orange: bool,
    ) -> PageAnswer:
        """GET /report: the form, with what the link to it knew."""
        if not self.takes(policy):
            return report_page(language, Form(), "", hotlines, "off")
        form = read_form(request.path.partition("?")[2])
        token = self._desk.token(client, time.time())
        return report_page(language, form, token, hotlines, orange=orange)

    async def send(
        self,
        request: http.Request,
        language: Language,
        client: str,
        policy: Policy,
        hotlines: Sequence[HelpLine],
        filter_: Filter,
        now: datetime,
    ) -> PageAnswer:
        """POST /report: the report is on the disk, or the form again with what is wrong. Writes in a thread."""
        if not self.takes(policy):
            return report_page(language, Form(), "", hotlines, "off")
        form = _form_of(request)
        problem = self._fault(form, client, request) or await self._keep(form, client, policy, filter_, now)
        if problem is None:
            return sent_answer()
        shown = replace(form, address="", note="") if problem == "not_kept" else form
        return report_page(language, shown, self._desk.token(client, time.time()), hotlines, problem)

    def _fault(self, form: Form, client: str, request: http.Request) -> Problem | None:
        if _from_elsewhere(request) or not self._desk.holds(form.token, client, time.time()):
            return "token"
        if form.kind is None:
            return "kind"
        if not form.address:
            return "address_missing"
        return "note_long" if len(form.note) > MAX_NOTE else None

    async def _keep(self, form: Form, client: str, policy: Policy, filter_: Filter, now: datetime) -> Problem | None:
        assert form.kind is not None and self._reports is not None
        try:
            readings = _readings(form.address)
        except UrlError:
            return "address_bad"
        if not all(_may_be_kept(url, client, policy, filter_, now) for url in readings) or _of_help(form.note, filter_):
            return "not_kept"
        if not self._desk.take_turn(client, time.time()):
            return "many"
        report = new_report(now, policy.name, form.kind, _shown(readings[0]), form.note, form.code)
        return await asyncio.to_thread(_add, self._reports, report)


def _form_of(request: http.Request) -> Form:
    kind: str = request.headers.get("content-type", "")
    body = request.raw_content or b""
    if not kind.strip().lower().startswith(FORM_TYPE) or len(body) > MAX_FORM:
        return Form()
    return read_form(body)


def _from_elsewhere(request: http.Request) -> bool:
    """Whether a browser says that another site sent this. Spec: Fetch Metadata, "Sec-Fetch-Site"."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


def _readings(address: str) -> tuple[Url, ...]:
    """What a reader may have meant: a scheme may be left out, and a list may name either. UrlError where it is none."""
    if "://" in address[:10]:
        url = parse_url(address)
        return (url, replace(url, scheme="http" if url.scheme == "https" else "https"))
    return (parse_url(f"https://{address}"), parse_url(f"http://{address}"))


def _may_be_kept(url: Url, client: str, policy: Policy, filter_: Filter, now: datetime) -> bool:
    answer, _ = filter_.judge(Facts(url, client=client or None, time=now, page_asked=True), policy)
    if isinstance(answer, Need):  # never with page_asked; if it were, nobody would know
        return False
    return answer.record and answer.notice is None and answer.check not in ("own", "help", "mandatory", "error")


def _of_help(note: str, filter_: Filter) -> bool:
    """Whether a note is a call for help or names who helps: the one it is about may be the one who reads it."""
    rules = filter_.ruleset
    if rules.help_words.find(note, Place.QUERY):
        return True
    for name in _NAMES.findall(note.lower()):
        try:
            hits = rules.help_hosts.match(name_url(name))
        except UrlError:
            continue
        if hits:
            return True
    return False


def _shown(url: Url) -> str:
    """Host, or host with path where there is one. Name, password and fragment are gone with the parsing."""
    host = f"[{url.host}]" if ":" in url.host else url.host
    place = host + (f":{url.port}" if url.port else "")
    query = f"?{url.sent.query}" if url.sent.query else ""
    return place if url.sent.path == "/" and not query else f"{place}{url.sent.path}{query}"


def _add(reports: Reports, report: Report) -> Problem | None:
    try:
        reports.add(report)
    except SfsError:
        try:
            return "full" if reports.full() else "not_saved"
        except SfsError:
            return "not_saved"
    return None
