"""Whether the address of a request says nothing to any row, told in a few looks: of nearly every request.

A host that no table and no entry names, on no list, unlabeled, no sign of another page or of DNS in its path, and no
word: then the rows up to the words of the URL have no opinion, and decide.py need not walk them. It errs on one side
only: where it is not sure the rows decide. tests/core/test_quick.py holds it against the walk."""

from sfs.core.facts import Facts, Page
from sfs.core.levels import Unrated
from sfs.core.policy import Policy
from sfs.core.ruleset import MAX_HOSTS, Ruleset
from sfs.match.words import Place
from sfs.text.named import parts_of
from sfs.text.url import Url


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
    if not _is_unlisted(url, ruleset):
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


def _is_unlisted(url: Url, ruleset: Ruleset) -> bool:
    """Whether no list speaks of a URL. That none speaks of any page of its host, as of nearly every host, rests on the
    lists alone: it is remembered for as long as they are in force, whoever asks. No verdict is: those rest on the
    address, the policy and the time, and with a browser's hundred addresses a page hardly one comes again."""
    host, unlisted = url.host, ruleset.unlisted
    known = unlisted.get(host)
    if known is None:
        named = not (host[-1].isdigit() or ":" in host)
        known = named and all(index.of_host(host) is False for index in ruleset.list_indexes)
        if len(unlisted) >= MAX_HOSTS:
            unlisted.clear()
        unlisted[host] = known
    return known or not any(index.match(url) for index in ruleset.list_indexes)


def head_says_nothing(page: Page, policy: Policy, ruleset: Ruleset) -> bool:
    """The same of a page, for the rows that read its head, where the policy shows what nobody has rated: no label of
    its own, a head that ended, no word in its texts."""
    if page.self_labels or page.cut:
        return False
    text, level = "\n".join(page.texts), policy.level
    if policy.words is not None and policy.words.find(text, Place.META, above=level):
        return False
    return not ruleset.words.find(text, Place.META, above=level)
