"""What tests of PICSRules share: a configuration as a policy, and what it says where a URL has these labels."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from sfs.core.decide import decide
from sfs.core.facts import Facts, Need, Page
from sfs.core.label import Label, LabelAnswer
from sfs.core.policy import Policy
from sfs.core.ruleset import Ruleset
from sfs.core.verdict import Verdict
from sfs.pics.judge import judge_labels
from sfs.pics.labels import LabelList
from sfs.pics.rule_judge import Evidence
from sfs.pics.safetyonline import service_key
from sfs.pics.selflabels import SelfLabel
from sfs.sources.config import Config, load_config
from sfs.sources.policies import policies_from
from sfs.text.url import Url, parse_url

RULES = Ruleset()


def config_of(text: str, folder: Path, level: int | None = None) -> Config:
    """The configuration in `text`; `level` where it names none."""
    path = folder / "taken.yaml"
    path.write_text(text, encoding="utf-8")
    config = load_config(path, state=folder)
    return load_config(path, {"level": level}, state=folder) if config.level is None else config


def policy_of(text: str, folder: Path, level: int | None = None) -> Policy:
    """The policy for everybody of a configuration."""
    return policies_from(config_of(text, folder, level)).default


def decide_by(
    policy: Policy, bureaus: Iterable[tuple[str, str]], url: str, now: datetime, evidence: Evidence
) -> Verdict:
    """The verdict where the bureaus (address, service) and the page have these labels."""
    target = parse_url(url)
    labels: list[Label] = []
    away = False
    for bureau, service in bureaus:
        answer = evidence.bureaus.get(bureau)
        away = away or (answer is None and bureau in evidence.bureaus)
        rating = None if answer is None else _rating(answer, service, target, now)
        if rating is not None:
            labels.append(Label(rating, f"{bureau} {service}"))
    page = Page(self_labels=tuple(_own_labels(evidence.embedded, target, now)))
    facts = Facts(target, time=now).with_labels(target, LabelAnswer(tuple(labels), away)).with_page(page)
    verdict = decide(facts, policy, RULES)
    assert not isinstance(verdict, Need)
    return verdict


def _own_labels(lists: Iterable[LabelList], url: Url, now: datetime) -> Iterable[SelfLabel]:
    for label_list in lists:
        answer = judge_labels(label_list, url, now)
        if answer is not None:
            yield SelfLabel(answer.rating, "pics-meta", False, "", answer.service)


def _rating(answer: LabelList, service: str, url: Url, now: datetime) -> int | None:
    """What a bureau says that was asked for one service."""
    key = service_key(service)
    asked = tuple(one for one in answer.services if one.service is not None and service_key(one.service) == key)
    found = judge_labels(LabelList(asked), url, now)
    return None if found is None else found.rating
