"""Policies and verdicts for the hooks, and what is kept of them: counts, the decision log, the list of /why."""

from datetime import datetime

from mitmproxy import http

from sfs.core.facts import Facts, Https
from sfs.core.policy import Policy
from sfs.core.verdict import Verdict
from sfs.proxy.facts import client_of
from sfs.proxy.faults import Faults
from sfs.proxy.figures import Of
from sfs.proxy.pages import decision_code, local_now
from sfs.proxy.refused import Refusal, Refused
from sfs.proxy.shared import Shared
from sfs.sources.filter import Filter
from sfs.sources.journal import Journal, Record
from sfs.sources.waiting import judged
from sfs.text.url import Url


class Verdicts:
    """One for a running proxy. `refused`: the names refused to each client."""

    def __init__(self, journal: Journal | None, faults: Faults, shared: Shared) -> None:
        self.journal = journal
        self.refused = Refused()
        self._faults = faults
        self._shared = shared
        shared.on("refused", self._told)

    def policy(self, filter_: Filter, flow: http.HTTPFlow) -> Policy:
        """The policy of the flow's client, now."""
        return filter_.policies.policy_for(client_of(flow), None, None, local_now())

    async def by_name(self, filter_: Filter, url: Url, policy: Policy, client: str | None = None) -> Verdict:
        """The verdict on a connection of which only the name is seen."""
        answer, _ = await judged(filter_, Facts(url, Https.SNI, client=client, time=local_now()), policy)
        assert isinstance(answer, Verdict)
        return answer

    def by_name_now(self, filter_: Filter, url: Url, policy: Policy, client: str | None = None) -> Verdict:
        """The same by what is known now, whatever bureaus might say."""
        answer, _ = filter_.judge(Facts(url, Https.SNI, client=client, time=local_now()), policy)
        assert isinstance(answer, Verdict)
        return answer

    def note(self, verdict: Verdict, url: Url, policy: Policy, of: Of = "request") -> str | None:
        """Count and record a verdict as far as it may be; its code for the page, where there is a record of it."""
        try:
            self._shared.figures.judged(verdict, policy, of)
            return self._recorded(verdict, url, policy)
        except Exception as fault:  # what cannot be recorded is decided all the same
            self._faults.count(fault)
            return None

    def _recorded(self, verdict: Verdict, url: Url, policy: Policy) -> str | None:
        if verdict.fault is not None:
            self._faults.count_text(verdict.fault)
        if self.journal is None or not (verdict.blocked or policy.record == "visits"):
            return None  # nothing is kept of what is shown, as of nearly every page
        now = local_now()
        self.journal.count(verdict, now)
        if not self.journal.wants(verdict, policy.record):
            return None
        code = decision_code() if verdict.blocked else None
        self.journal.note(Record(now, policy.name, url.host, verdict, code))
        return code

    def list_refused(self, client: str | None, host: str, reason: str, verdict: Verdict, policy: Policy) -> None:
        """Keep a refused name for /why. `verdict`: what is thought of the name; a help host is named nowhere, nor is
        anything in profile isp."""
        if client and verdict.record and policy.checks is None:
            now = local_now()
            self.refused.note(client, Refusal(now, host, reason))
            self._shared.tell("refused", client, now.isoformat(), host, reason)

    def _told(self, client: str, time: str, host: str, reason: str) -> None:
        self.refused.note(client, Refusal(datetime.fromisoformat(time), host, reason))
