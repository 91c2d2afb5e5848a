"""The filter in force: policies, ruleset and sources of labels, loaded together and swapped together."""

from collections.abc import Mapping
from dataclasses import dataclass

from sfs.core.decide import Step, decide
from sfs.core.facts import Fact, Facts, Need
from sfs.core.identity import PolicyTable
from sfs.core.label import LabelAnswer
from sfs.core.policy import Policy
from sfs.core.ruleset import Ruleset
from sfs.core.verdict import Verdict
from sfs.sources.choice import levels_in_use
from sfs.sources.config import Config
from sfs.sources.helplines import HelpLine
from sfs.sources.label_sources import LabelSource, local_sources
from sfs.sources.policies import policies_from
from sfs.sources.rules import RulesReport, load_rules
from sfs.text.url import Url

MAX_ASKED = 16  # facts one decision may ask for: the page and what it carries; more is a fault of ours


@dataclass(frozen=True, slots=True)
class Filter:
    """Everything a request is judged by. Read only; a reload makes a new one."""

    config: Config
    policies: PolicyTable
    ruleset: Ruleset
    labels: LabelSource
    helplines: tuple[HelpLine, ...]
    report: RulesReport

    def labels_of(self, url: Url, policy: Policy) -> Mapping[str, LabelAnswer]:
        """What `Facts.labels` of a request may begin with. Every source is on this machine: asking costs less than the
        walk that would end with Need(LABELS). Nothing where the policy has no use for labels."""
        return {url.text: self.labels.ask(url, policy)} if policy.checks is None else {}

    def judge(self, facts: Facts, policy: Policy, trace: list[Step] | None = None) -> tuple[Verdict | Need, Facts]:
        """The verdict, or Need(PAGE); and the facts with the labels that were asked for on the way."""
        if policy.checks is None and facts.url.text not in facts.labels:
            facts = facts.with_labels(facts.url, self.labels.ask(facts.url, policy))
        for _ in range(MAX_ASKED):
            if trace is not None:
                trace.clear()
            answer = decide(facts, policy, self.ruleset, trace)
            if not isinstance(answer, Need) or answer.fact is not Fact.LABELS:
                return answer, facts
            facts = facts.with_labels(answer.url, self.labels.ask(answer.url, policy))
        raise AssertionError("a decision asked for more facts than there are")


def load_filter(config: Config) -> Filter:
    """The filter that a configuration means. ConfigError or SfsError where a list or rule file cannot be used."""
    policies = policies_from(config)
    scans = any(policy.scan_body for policy in policies.policies())
    rules = load_rules(config, levels_in_use(policies), bodies=scans)
    labels = local_sources(rules.ratings, rules.ruleset.locks)
    return Filter(config, policies, rules.ruleset, labels, rules.helplines, rules.report)
