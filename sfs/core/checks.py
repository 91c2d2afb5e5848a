"""The checks, one small function each: a Verdict, a Need, or None for "no opinion". Their order, with reasons,
is the table in decide.py; what they look at is prepared in case.py."""

from datetime import datetime
from functools import lru_cache

from sfs.core.body import SCRIPT_FACTOR, rating_of, score
from sfs.core.case import Case
from sfs.core.facts import Fact, Need
from sfs.core.levels import LEVELS, Bypass, Unrated
from sfs.core.policy import Owner
from sfs.core.ruleset import Axis
from sfs.core.verdict import Action, Scope, Verdict
from sfs.match.index import Hit, best
from sfs.match.words import Place, WordHit
from sfs.text.address import Kind, address_class, parse_address
from sfs.text.doh import is_doh
from sfs.text.readings import readings_of_bytes
from sfs.text.url import Form

Answer = Verdict | Need | None


def own(case: Case) -> Answer:
    """SFS's own pages."""
    if case.url.host not in case.ruleset.own_hosts:
        return None
    return case.allow("own", "own", scope=Scope.HOST, record=False)


def help_lines(case: Case) -> Answer:
    """Help lines and image-removal schemes: shown to everybody, recorded nowhere."""
    if not case.is_help_host:
        return None
    return case.allow("help", "help", record=False, scope=Scope.URL)


def mandatory(case: Case) -> Answer:
    """A law's or an ISP's blocking list. The verdict names the list, never the entry."""
    for lst in case.ruleset.mandatory:
        hits = lst.index.match(case.url)
        if hits:
            return case.block("mandatory", "mandatory", source=f"{lst.id} {lst.serial}", scope=_scope(case, hits))
    return None


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
        if lst.final and _list_blocks(case, lst.rating, lst.axis):
            return case.block("entry", "own-final", source=_line(lst.name, hit), scope=case.scope_of(hit))
    return None


def _asked_badly(case: Case, owner: Owner, hit: Hit) -> Answer:
    """A good site can be asked a bad question: an allowed engine's searches are judged all the same, unless the
    entry asks for them to be left alone, or names this very query."""
    if hit.entry in owner.free_search or (hit.entry.forms and hit.entry.forms[0].query is not None):
        return None
    if not case.walks("search-words"):
        return None
    # An entry opens what is rated above the level; a help word must not close it again.
    return _help_shown(case) if case.asks_for_help else search_words(case)


def subscribed(case: Case) -> Answer:
    """Subscribed lists: security at every level, circumvention for children; DNS over HTTPS on any host; pages that
    carry other pages; and, where the policy says so, pages without a name."""
    for lst, hit in case.list_hits:
        if lst.axis is not None and _list_blocks(case, None, lst.axis):
            return case.block("subscribed", str(lst.axis), source=_line(lst.name, hit), scope=case.scope_of(hit))
    if _asks_names(case):
        return case.block("subscribed", str(Axis.CIRCUMVENTION), source="DNS over HTTPS")
    if case.policy.addresses is Unrated.BLOCK and case.is_document and _is_outer_address(case.url.host):
        return case.block("subscribed", "address-url")
    wrapper = _wrapper(case)
    return None if wrapper is None else case.block("subscribed", "wrapper", source=wrapper)


def _asks_names(case: Case) -> bool:
    """Whether a name server is asked past the house's own, which children do not get; by name that is not seen."""
    if case.url.name_only or not LEVELS[case.policy.level].circumvention:
        return False
    kind = case.facts.form_kind
    return any(is_doh(form.path, form.query, kind) for form in case.url.forms)


def _is_outer_address(host: str) -> bool:
    """Whether a canonical host is an address outside the house: a printer or a router has no name, and is meant."""
    address = parse_address(host) if host[-1:].isdigit() or ":" in host else None
    return address is not None and address_class(address) in (Kind.PUBLIC, Kind.RESERVED)


def _wrapper(case: Case) -> str | None:
    """The wrapper that this URL uses, where the policy blocks wrappers; by name they cannot be unwrapped. One that
    hides what it carries is blocked as ways around the filter are. A picture or a link is judged, never blocked for
    being carried: a picture shows no page, and a link's target comes as a request of its own."""
    if not case.may_wrap:
        return None
    wrappers = case.ruleset.wrappers
    circumvention = LEVELS[case.policy.level].circumvention
    if case.url.name_only:
        return wrappers.is_wrapper_host(case.url.host) if circumvention else None
    if case.policy.bypass is Bypass.BLOCK:
        page = next((one.name for found in case.wrapped for one in found if one.carries == "page"), None)
        page = page or wrappers.is_wrapper_host(case.url.host)
        if page:
            return page
    if not circumvention:
        return None
    return next((name for form in case.url.forms if (name := _hidden_page(case, form))), None)


def _hidden_page(case: Case, form: Form) -> str | None:
    return case.ruleset.wrappers.hides(case.url.host, form.path, form.query)


def only_allowed(case: Case) -> Answer:
    """An allowlist-only policy blocks every other document."""
    if not case.policy.only_allowed or not case.is_document or case.opened:
        return None
    return case.block("only-allowed", "only-allowed")


def search_words(case: Case) -> Answer:
    """Words in what was typed into a search engine. A search for help is shown, to children after the help lines.

    Sub-resources too: pages search without loading another page, and suggest while somebody types."""
    if case.asks_for_help:
        return _search_for_help(case)
    hits = [hit for words in case.search_words if (hit := case.words(words, Place.QUERY)) is not None]
    return _words_verdict(case, "search-words", hits)


def _search_for_help(case: Case) -> Answer:
    """No word blocks it, and it need not be rated; but a page that is rated above the level, by others or by itself,
    stays closed, or a help word behind its address would open it."""
    above = rating(case) if case.walks("rating") else None
    if above is None and case.walks("self-label"):
        above = _labelled(case)
    if isinstance(above, Need) and above.fact is Fact.PAGE:
        return above._replace(notice=_help_notice(case))
    return above or _help_shown(case)


def _help_shown(case: Case) -> Verdict:
    return case.allow("search-words", "help-words", notice=_help_notice(case), record=False)


def _help_notice(case: Case) -> str | None:
    """A page with help lines comes before a page alone: a script would take it for an answer of the engine."""
    return "help-words" if case.is_document and case.policy.level <= 2 else None


def rating(case: Case) -> Answer:
    """The page's rating: own, of bureaus, of category lists; above the level it blocks."""
    if case.answer is None:
        return Need(Fact.LABELS, case.url)
    level = case.policy.level
    value, label = case.rating
    if value is not None and label is not None and value > level:
        reason = "own-rating" if label.owner is not None else "engine-rating" if label.engine else "label-rating"
        return case.block("rating", reason, rating=value, source=_said(label.source, label.place), **_until(case))
    own_rating = label is not None and label.owner is not None
    for lst, hit in case.list_hits:
        if lst.rating is not None and lst.rating > level and not own_rating:
            source = _line(lst.name, hit)
            return case.block("rating", "category-rating", rating=lst.rating, source=source)
    if case.answer.away and value is None and case.is_document and case.policy.bureau_away is Unrated.BLOCK:
        return case.block("rating", "bureau-away")
    return None


def url_words(case: Case) -> Answer:
    """Words in the host, path and query, where nobody has rated this page."""
    if case.page_level:
        return None
    host = _host_text(case.url.host)
    texts = [host]
    if not case.url.name_only:
        forms = case.url.forms + readings_of_bytes(case.url.forms)
        texts = [f"{host} {form.path} {form.query or ''}" for form in forms]
    hits = [hit for text in texts if (hit := case.words(text, Place.URL)) is not None]
    return _words_verdict(case, "url-words", hits) if hits else None


def self_label(case: Case) -> Answer:
    """What the page says of itself can only raise."""
    return _labelled(case) if _response_counts(case) else None


def _labelled(case: Case) -> Answer:
    if not case.policy.self_labels or not _has_response(case):
        return None
    page = case.facts.page
    if page is None:
        return None if case.facts.page_asked else Need(Fact.PAGE, case.url)
    worst = max(page.self_labels, key=lambda label: label.rating, default=None)
    if worst is None or worst.rating <= case.policy.level:
        return None
    return case.block("self-label", "self-label", rating=worst.rating, source=_said(worst.kind, worst.text))


def metadata_words(case: Case) -> Answer:
    """Words in title, description, keywords and Open Graph, where nobody has rated this page."""
    if case.page_level or not _response_counts(case):
        return None
    page = case.facts.page
    if page is None:
        return None if case.facts.page_asked else Need(Fact.PAGE, case.url)
    hit = case.words("\n".join(page.texts), Place.META)
    return _words_verdict(case, "metadata-words", [] if hit is None else [hit])


def body_words(case: Case) -> Answer:
    """Weighted phrases in the whole text, where the policy asks for it and nobody has rated this page."""
    if not case.policy.scan_body or case.page_level or not _response_counts(case):
        return None
    page = case.facts.page
    if page is None or page.body is None:
        asked = case.facts.page_asked if page is None else page.body_asked
        return None if asked else Need(Fact.BODY, case.url)
    limit = case.policy.body_limit
    for part, phrases, most in (
        ("text", page.body.visible, limit),
        ("scripts", page.body.script, limit * SCRIPT_FACTOR),
    ):
        suggested = rating_of(phrases, case.policy.level, most)
        if suggested is not None:
            found = score(phrases, case.policy.level)
            source = f"{part}: {found.points} points, limit {most}: {found.lines}"
            return case.block("body-words", "body-words", rating=suggested, source=source)
    return None


def unrated(case: Case) -> Answer:
    """A document nobody has rated: the policy's word. One whose head never ended is blocked at 0 and 1."""
    if not case.is_document or case.rating[0] is not None or (case.list_hits and case.opened):
        return None
    if case.policy.unrated is Unrated.BLOCK:
        return case.block("unrated", "unrated")
    if case.facts.page is not None and case.facts.page.cut and case.policy.level <= 1:
        return case.block("unrated", "cut")
    return None


def shown(case: Case) -> Verdict:
    """No row had anything against it."""
    value = case.rating[0]
    if value is None:
        reason = "unrated-shown" if case.is_document else "part-shown"
        if not case.labels:
            return unlabeled(reason, case.policy.level, case.policy.valid_until)
        return case.allow("unrated", reason, **_until(case))
    return case.allow("rating", "rated-shown", rating=value, **_until(case))


@lru_cache(maxsize=256)  # the answer to nearly every request
def unlabeled(reason: str, level: int, valid_until: datetime | None) -> Verdict:
    """What is shown because nobody said anything of it."""
    return Verdict(Action.ALLOW, "unrated", reason, level, valid_until=valid_until)


def _response_counts(case: Case) -> bool:
    """Whether anything a response says could block: not by name, where none is seen; not at level 4; and not where
    row 12 blocks anyway, so that nothing need be fetched."""
    return _has_response(case) and not case.unrated_is_blocked


def _has_response(case: Case) -> bool:
    return not case.url.name_only and case.is_document and case.policy.level < 4


def _words_verdict(case: Case, check: str, hits: list[WordHit]) -> Answer:
    """The word itself stays out of the verdict's reason; its file and line are the source."""
    if not hits:
        return None
    rule = max(hits, key=lambda hit: hit.rule.rating or 0).rule
    return case.block(check, check, rating=rule.rating, source=str(rule.where) if rule.where else None)


def _list_blocks(case: Case, rating: int | None, axis: Axis | None) -> bool:
    level = case.policy.level
    if axis is Axis.SECURITY:
        return True
    if axis is Axis.CIRCUMVENTION:
        return LEVELS[level].circumvention
    return rating is not None and rating > level


def _host_text(host: str) -> str:
    """A host as people read it: an internationalised name in its own letters too."""
    if "xn--" not in host:
        return host
    try:
        return f"{host} {host.encode('ascii').decode('idna')}"
    except UnicodeError:
        return host


def _scope(case: Case, hits: list[Hit]) -> Scope:
    return Scope.HOST if all(case.scope_of(hit) is Scope.HOST for hit in hits) else Scope.URL


def _until(case: Case) -> dict[str, object]:
    """What rests on labels holds no longer than they do."""
    ends = [label.until for label in case.labels if label.until is not None]
    if case.policy.valid_until is not None:
        ends.append(case.policy.valid_until)
    return {"valid_until": min(ends)} if ends else {}


def _place(owner: Owner, hit: Hit) -> str:
    return f"{owner.file or owner.name}:{hit.line} {hit.entry.text}"


def _line(name: str, hit: Hit) -> str:
    return f"{name}:{hit.line} {hit.entry.text}"


def _said(source: str, place: str | None) -> str:
    if place is None or place.startswith(f"{source}:"):  # a file names itself in its place
        return place or source
    return f"{source}: {place}" if place else source
