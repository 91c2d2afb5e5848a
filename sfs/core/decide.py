"""`decide(facts, policy, ruleset)` -> Verdict or Need. The order of checks stands here once, as data.

The first row that answers ends the walk (design, section 3). A row that raises is an answer too: the policy's word
for it. A page that carries another one (translator, archive, reader) gets the stricter verdict of both.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePath
from traceback import extract_tb

from sfs.core import checks
from sfs.core import entry_checks as entries
from sfs.core import list_checks as lists
from sfs.core import word_checks as words
from sfs.core.case import Case
from sfs.core.checks import Answer
from sfs.core.facts import Fact, Facts, Kind, Need, Page
from sfs.core.levels import Bypass, Unrated
from sfs.core.policy import Policy
from sfs.core.quick import head_says_nothing, says_nothing
from sfs.core.ruleset import Ruleset
from sfs.core.verdict import Scope, Verdict
from sfs.errors import UrlError
from sfs.text.unwrap import MAX_FOUND
from sfs.text.url import MAX_URL, Url, parse_url

MAX_WRAPPERS = 4  # a page inside a page inside ...: deeper ones are blocked, nobody reads them
MAX_CARRIED = 16  # pages inside one URL, over all depths: each costs a whole walk; more are blocked
MAX_CARRIED_TEXT = 2 * MAX_URL  # characters of them all and of the URL itself: what one request may cost


@dataclass(frozen=True, slots=True)
class Row:
    """One check. `name` is its word on the wire; `why` says why it stands where it stands. `named`: it has no opinion
    of a host that no table names, so that it need not be asked."""

    name: str
    check: Callable[[Case], Answer]
    why: str
    named: bool = False


ROWS = (
    Row("own", checks.own, "our own pages explain a block; they must open whatever else holds", named=True),
    Row("help", checks.help_lines, "before every block, even a law's: a child's parent may be the danger", named=True),
    Row("mandatory", lists.mandatory, "before own entries: nothing local opens what a law closes"),
    Row("entry", entries.entry, "before subscribed lists, since own entries undo them", named=True),
    Row("subscribed", lists.subscribed, "security does not depend on who it suits, so it comes before ratings"),
    Row("only-allowed", lists.only_allowed, "after the entries that open; what is left needs no further look"),
    Row("search-words", words.search_words, "before ratings: a good engine can be asked a bad question", named=True),
    Row("rating", checks.rating, "someone's judgment of this page comes before words, which know no page"),
    Row("url-words", words.url_words, "words are for pages nobody has rated; the URL is known before the page"),
    Row("self-label", checks.self_label, "a page's own word can only raise, so it waits until nothing blocked"),
    Row("metadata-words", words.metadata_words, "needs the response, and only where nobody has rated the page"),
    Row("body-words", words.body_words, "needs the whole page, which takes time; only where the policy asks for it"),
    Row("unrated", checks.unrated, "last: it is what is left when nobody knows anything"),
)
CHECKS = tuple(row.name for row in ROWS)
_OF_ANY_HOST = tuple(row for row in ROWS if not row.named)
_OF_RESPONSE = ROWS[CHECKS.index("self-label") :]
_OF_TEXT = ROWS[CHECKS.index("body-words") :]


@dataclass(frozen=True, slots=True)
class Step:
    """What one row said: `said` is allow, block, no opinion, needs labels, needs page, needs body, not asked or off."""

    check: str
    said: str
    reason: str | None = None
    source: str | None = None


def decide(facts: Facts, policy: Policy, ruleset: Ruleset, trace: list[Step] | None = None) -> Verdict | Need:
    """The verdict on a request, or the one fact that is missing. Asks for each fact at most once. Never raises:
    a check that does decides as the policy's `on_error` says, with check `error`."""
    if trace is None and _says_nothing(facts, policy, ruleset):
        return _by_response(facts, policy, ruleset)
    return _decide(facts, policy, ruleset, trace, None, 0)


def _says_nothing(facts: Facts, policy: Policy, ruleset: Ruleset) -> bool:
    silent = facts.silent
    if silent is not None and silent[0] is policy and silent[1] is ruleset:
        return True
    try:
        if not says_nothing(facts, policy, ruleset):
            return False
    except Exception:  # what raises here raises in its row as well, which knows what to do
        return False
    facts.silent = (policy, ruleset)
    return True


def _by_response(facts: Facts, policy: Policy, ruleset: Ruleset) -> Verdict | Need:
    """What is left to say of a request whose address says nothing; the first lines are what the rows would answer."""
    if facts.kind is Kind.SUBRESOURCE:
        return checks.unlabeled("part-shown", policy.level, policy.valid_until)
    if policy.unrated is Unrated.SHOW and policy.level < 4:
        if facts.page is None and not facts.page_asked:
            return Need(Fact.PAGE, facts.url)
        if facts.page is None or _head_says_nothing(facts, facts.page, policy, ruleset):
            return _by_text(facts, policy, ruleset)
    return _walk(Case(facts, policy, ruleset), None, _OF_RESPONSE)


def _head_says_nothing(facts: Facts, page: Page, policy: Policy, ruleset: Ruleset) -> bool:
    silent = facts.silent_head
    if silent is not None and silent[0] is policy and silent[1] is ruleset:
        return True
    try:
        if not head_says_nothing(page, policy, ruleset):
            return False
    except Exception:  # as above
        return False
    facts.silent_head = (policy, ruleset)
    return True


def _by_text(facts: Facts, policy: Policy, ruleset: Ruleset) -> Verdict | Need:
    """The same of a page whose head says nothing either."""
    page = facts.page
    if policy.scan_body and page is not None:
        if page.body is None and not page.body_asked:
            return Need(Fact.BODY, facts.url)
        if page.body is not None and (page.body.visible or page.body.script):
            return _walk(Case(facts, policy, ruleset), None, _OF_TEXT)
    return checks.unlabeled("unrated-shown", policy.level, policy.valid_until)


def _decide(
    facts: Facts, policy: Policy, ruleset: Ruleset, trace: list[Step] | None, seen: set[Url] | None, depth: int
) -> Verdict | Need:
    """The stricter verdict of a page and of those it carries. `seen`: what was judged before, and blocked nothing."""
    case = Case(facts, policy, ruleset)
    outer = _walk(case, trace, ROWS if case.named or trace is not None else _OF_ANY_HOST)
    if isinstance(outer, Need) or outer.blocked or outer.check in ("own", "help", "error"):
        return outer if isinstance(outer, Need) else _private(case, outer)
    try:
        inners = _inner_urls(case) if case.may_wrap else None
    except Exception as fault:
        return _failed(case, fault)
    if not inners:
        return _private(case, outer)
    seen = {facts.url} if seen is None else seen
    for url in inners:
        if url in seen:
            continue
        if url is None or depth >= MAX_WRAPPERS or _is_too_much(seen, url):
            return case.block("subscribed", "wrapper")
        seen.add(url)
        inner = _decide(replace(facts, url=url), _policy_inside(policy), ruleset, trace, seen, depth + 1)
        if isinstance(inner, Need):
            return inner
        if inner.blocked:  # what holds for the inner host holds for this one URL of the outer
            return _private(case, replace(inner, scope=Scope.URL))
        outer = _shown_with(outer, inner)
    return _private(case, outer)


def _shown_with(outer: Verdict, inner: Verdict) -> Verdict:
    """A page that is shown with one it carries: as long as both are, with the help lines of either; and a help line's
    page is nobody's business through a translator either."""
    ends = [end for end in (outer.valid_until, inner.valid_until) if end is not None]
    return replace(
        outer,
        valid_until=min(ends, default=None),
        notice=outer.notice or inner.notice,
        record=outer.record and inner.record,
        scope=Scope.URL,
    )


def _is_too_much(seen: set[Url], url: Url) -> bool:
    return len(seen) > MAX_CARRIED or sum(len(one.text) for one in (*seen, url)) > MAX_CARRIED_TEXT


def _walk(case: Case, trace: list[Step] | None, rows: Sequence[Row]) -> Verdict | Need:
    every = case.policy.checks is None
    for row in rows:
        if not every and not case.walks(row.name):
            _note(trace, _plain_step(row.name, "off"))
            continue
        try:
            answer = row.check(case)
        except Exception as fault:
            answer = _failed(case, fault)
        if trace is not None:
            trace.append(_step(row, answer, case))
        if answer is not None:
            return answer
    return checks.shown(case)


def _inner_urls(case: Case) -> list[Url | None]:
    """The pages this URL carries, in each of its readings; one that no browser would open is none. None stands for
    what cannot be judged: more of them than are looked for, or one coded too often, which a service may read yet."""
    if not case.walks("subscribed"):
        return []
    urls: list[Url | None] = [None] if any(len(found) >= MAX_FOUND for found in case.wrapped) else []
    for inner in {one.inner: None for found in case.wrapped for one in found}:
        try:
            url = parse_url(inner)
        except UrlError:
            urls += [None] if "%25" in inner or len(inner) > MAX_URL else []
        else:
            urls.append(url.by_name() if case.url.name_only else url)
    return urls


def _policy_inside(policy: Policy) -> Policy:
    """At level 4 what is carried is judged against lists alone."""
    if policy.bypass is not Bypass.LISTS:
        return policy
    rows = frozenset(CHECKS[:5])
    return replace(policy, checks=rows if policy.checks is None else rows & policy.checks)


def _private(case: Case, verdict: Verdict) -> Verdict:
    """A search for help leaves no trace, whichever row answered."""
    if not verdict.record or not case.named:
        return verdict
    try:
        private = case.asks_for_help or case.is_help_host
    except Exception:  # what raises here raised in its row as well and was counted there
        private = True
    return replace(verdict, record=False) if private else verdict


def _failed(case: Case, fault: Exception) -> Verdict:
    place = extract_tb(fault.__traceback__)[-1]
    text = f"{type(fault).__name__} at {PurePath(place.filename).name}:{place.lineno}"
    if case.policy.on_error is Unrated.BLOCK:
        return case.block("error", "error", fault=text)
    return case.allow("error", "error", fault=text)


def _note(trace: list[Step] | None, step: Step) -> None:
    if trace is not None:
        trace.append(step)


def _step(row: Row, answer: Answer, case: Case) -> Step:
    if isinstance(answer, Need):
        return _plain_step(row.name, f"needs {answer.fact}")
    if answer is not None:
        return Step(row.name, str(answer.action), answer.reason, answer.source)
    page, unseen = case.facts.page, False
    if row.name in ("self-label", "metadata-words"):
        unseen = page is None and case.facts.page_asked
    elif row.name == "body-words":
        if not case.policy.scan_body:
            return _plain_step(row.name, "off")
        unseen = case.facts.page_asked if page is None else page.body is None and page.body_asked
    return _plain_step(row.name, "not asked" if unseen else "no opinion")


@lru_cache(maxsize=64)  # nearly every step is one of these; making them was an eighth of the time of `sfs explain -`
def _plain_step(check: str, said: str) -> Step:
    return Step(check, said)
