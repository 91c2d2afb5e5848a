"""Whether the address of a request says nothing to any row, told in a few looks: of nearly every request.

A host that no table and no entry names, on no list, unlabeled, no sign of another page or of DNS in its path, and no
word: then the rows up to the words of the URL have no opinion, and decide.py need not walk them. It errs on one side
only: where it is not sure the rows decide. tests/core/test_quick.py holds it against the walk."""

from sfs.core.facts import Facts
from sfs.core.levels import Unrated
from sfs.core.policy import Policy
from sfs.core.ruleset import Ruleset
from sfs.text.named import parts_of


def says_nothing(facts: Facts, policy: Policy, ruleset: Ruleset) -> bool:
    """True only where every row before those of the response has no opinion, and no page is carried."""
    url = facts.url
    if policy.checks is not None or policy.only_allowed or url.name_only or len(url.forms) > 1 or facts.form_kind:
        return False
    parts = parts_of(url.host)
    if ruleset.names.may_name(parts) or policy.names.may_name(parts):
        return False
    answer = facts.labels.get(url.text)
    if answer is None or answer.labels or answer.away:
        return False
    if ruleset.mandatory and any(lst.index.match(url) for lst in ruleset.mandatory):
        return False
    for lst in ruleset.lists:
        if lst.index.match(url):
            return False
    host, form = url.host, url.forms[0]
    if policy.addresses is Unrated.BLOCK and (host[-1].isdigit() or ":" in host):
        return False
    text = (f"{host} {form.path} {form.query}" if form.query else f"{host} {form.path}").lower()
    # A percent sign that is left stands for bytes in another charset, which url-words reads in several ways.
    if not text.isascii() or "%" in text or "dns" in text or "xn--" in host or ruleset.wrappers.shows_page(text):
        return False
    own, level = policy.words, policy.level
    return (own is None or own.is_quiet(text, level)) and ruleset.words.is_quiet(text, level)
