"""The filter in force: policies, ruleset and sources of labels, loaded together and swapped together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from sfs.core.decide import Step, decide
from sfs.core.facts import Fact, Facts, Need
from sfs.core.identity import PolicyTable
from sfs.core.label import LabelAnswer
from sfs.core.levels import Unrated
from sfs.core.policy import Policy
from sfs.core.ruleset import Ruleset
from sfs.core.verdict import Verdict
from sfs.errors import SfsError
from sfs.match.index import ALL_FORMS
from sfs.pics.safetyonline import MAX_RATING
from sfs.sources.bureaus import BureauAnswer, Bureaus, bureaus_for
from sfs.sources.choice import levels_in_use
from sfs.sources.config import Config
from sfs.sources.helplines import HelpLine
from sfs.sources.label_file import LabelFile
from sfs.sources.label_sources import LabelSource, local_sources
from sfs.sources.labels import DATABASE
from sfs.sources.policies import policies_from
from sfs.sources.rules import RulesReport, load_rules
from sfs.text.url import Url

MAX_ASKED = 16  # facts one decision may ask for: the page and what it carries; more is a fault of ours


@dataclass(frozen=True, slots=True)
class Filter:
    """Everything a request is judged by. Read only; a reload makes a new one. `labels`: the sources on this machine,
    `store` among them; `bureaus`: those that are asked in its place, None for none."""

    config: Config
    policies: PolicyTable
    ruleset: Ruleset
    labels: LabelSource
    helplines: tuple[HelpLine, ...]
    report: RulesReport
    bureaus: Bureaus | None = None
    store: LabelFile | None = None

    def labels_of(self, url: Url, policy: Policy) -> Mapping[str, LabelAnswer]:
        """What `Facts.labels` of a request may begin with. Where every source is on this machine, asking costs less
        than the walk that would end with Need(LABELS). Nothing where the policy has no use for labels, or where a
        bureau would be asked: what is decided before the labels are needed is nobody's business."""
        return {url.text: self.labels.ask(url, policy)} if policy.checks is None and self.bureaus is None else {}

    def judge(
        self, facts: Facts, policy: Policy, trace: list[Step] | None = None, *, last: bool = True
    ) -> tuple[Verdict | Need, Facts]:
        """The verdict, or Need(PAGE) or Need(BODY); and the facts with the labels that were asked for on the way.

        Bureaus that do not know yet are taken as away; unless `last` is False: then Need(LABELS) says that it is worth
        waiting for what `ask_bureaus` is still to be told (waiting.py)."""
        if policy.checks is None and self.bureaus is None and facts.url.text not in facts.labels:
            facts = facts.with_labels(facts.url, self.labels.ask(facts.url, policy))
        for _ in range(MAX_ASKED):
            if trace is not None:
                trace.clear()
            answer = decide(facts, policy, self.ruleset, trace)
            if not isinstance(answer, Need) or answer.fact is not Fact.LABELS:
                return answer, facts
            labels = self.labels.ask(answer.url, policy)
            if self.bureaus is not None and _wants_more(labels, policy):
                told = self.ask_bureaus(answer.url, facts, policy)
                if told.waits and not last:
                    return answer, facts
                labels = LabelAnswer(labels.labels + told.answer.labels, labels.away or told.answer.away)
            facts = facts.with_labels(answer.url, labels)
        raise AssertionError("a decision asked for more facts than there are")

    def ask_bureaus(self, url: Url, facts: Facts, policy: Policy) -> BureauAnswer:
        """What the bureaus have told of a page until now."""
        assert self.bureaus is not None
        return self.bureaus.ask(url, facts, policy, self.ruleset)

    def offline(self) -> "Filter":
        """The same filter without bureaus."""
        return replace(self, bureaus=None)


def load_filter(config: Config, before: Filter | None = None) -> Filter:
    """The filter that a configuration means. `before`: the one that it takes the place of, whose bureaus and
    lists go on where they stay the same. ConfigError or SfsError where a list or rule file cannot be used."""
    if config.state.exists() and not config.state.is_dir():
        # Said once: every list would say that it cannot be read there.
        raise SfsError(f"state {str(config.state)!r}: not a folder", mend="name another one, with --state or state:")
    policies = policies_from(config)
    scans = any(policy.scan_body for policy in policies.policies())
    kept = None if before is None else before.report.kept
    rules = load_rules(config, levels_in_use(policies), bodies=scans, kept=kept)
    bureaus = bureaus_for(config.bureaus, config.upstream_ca, None if before is None else before.bureaus)
    store = None if bureaus is not None else _store(config.state / DATABASE, before)
    labels = local_sources(rules.ratings, rules.ruleset.locks, *([] if store is None else [store]))
    return Filter(config, policies, rules.ruleset, labels, rules.helplines, rules.report, bureaus, store)


def _store(path: Path, before: Filter | None) -> LabelFile:
    old = None if before is None else before.store
    store = old if old is not None and old.path == path else LabelFile(path)
    store.look()
    return store


def _wants_more(known: LabelAnswer, policy: Policy) -> bool:
    """Whether a bureau could change anything: not where the nearest owner has rated the page, whose word holds; nor
    where no rating closes a page and none is needed to open one."""
    if any(label.owner is not None and label.forms == ALL_FORMS for label in known.labels):
        return False
    return policy.level < MAX_RATING or Unrated.BLOCK in (policy.unrated, policy.bureau_away)
