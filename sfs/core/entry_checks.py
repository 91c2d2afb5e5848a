"""The check of own entries: owner by owner from the nearest, the most specific first (design, section 3)."""

from sfs.core.case import Case
from sfs.core.checks import Answer, line_of, list_blocks
from sfs.core.policy import Owner
from sfs.core.verdict import Verdict
from sfs.core.word_checks import help_shown, search_words
from sfs.match.index import Hit, best


def entry(case: Case) -> Answer:
    """Own allow and block entries, owner by owner from the nearest; an upper owner's final block stands."""
    for number, owner in enumerate(case.policy.owners):
        hit, blocks = _of_owner(owner, case)
        if hit is None:
            continue
        if blocks:
            final = bool(owner.final.match(case.url))
            reason = "own-final" if final else "own-block"
            return case.block("entry", reason, source=_place(owner, hit), scope=case.scope_of(hit))
        return _final_above(case, number) or _asked_badly(case, owner, hit) or _allowed(case, owner, hit)
    return None


def _of_owner(owner: Owner, case: Case) -> tuple[Hit | None, bool]:
    """The entry that decides inside one owner, and whether it blocks: the most specific, on a tie the block."""
    block = best(owner.block.match(case.url))
    allow = best(hit for hit in owner.allow.match(case.url) if hit.all_forms)
    if block is None or (allow is not None and allow.entry.specificity > block.entry.specificity):
        return allow, False
    return block, True


def _allowed(case: Case, owner: Owner, hit: Hit) -> Verdict:
    # Its scope is this URL alone: another page of the host may be a search that is asked badly.
    return case.allow("entry", "own-allow", source=_place(owner, hit))


def _final_above(case: Case, number: int) -> Verdict | None:
    for upper in case.policy.owners[number + 1 :]:
        final = best(upper.final.match(case.url))
        if final is not None and _of_owner(upper, case)[1]:
            return case.block("entry", "own-final", source=_place(upper, final), scope=case.scope_of(final))
    for lst, hit in case.list_hits:
        if lst.final and list_blocks(case, lst.rating, lst.axis):
            return case.block("entry", "own-final", source=line_of(lst.name, hit), scope=case.scope_of(hit))
    return None


def _asked_badly(case: Case, owner: Owner, hit: Hit) -> Answer:
    """A good site can be asked a bad question: an allowed engine's searches are judged all the same, unless the
    entry asks for them to be left alone, or names this very query."""
    if hit.entry in owner.free_search or (hit.entry.forms and hit.entry.forms[0].query is not None):
        return None
    if not case.walks("search-words"):
        return None
    # An entry opens what is rated above the level; a help word must not close it again.
    return help_shown(case) if case.asks_for_help else search_words(case)


def _place(owner: Owner, hit: Hit) -> str:
    return f"{owner.file or owner.name}:{hit.line} {hit.entry.text}"
