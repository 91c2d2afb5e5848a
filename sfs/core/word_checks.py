"""The checks of words: in what was searched for, in the URL, in what a page says of itself, in its whole text."""

from sfs.core.body import SCRIPT_FACTOR, rating_of, score
from sfs.core.case import Case
from sfs.core.checks import Answer, labelled, rating, response_counts
from sfs.core.facts import Fact, Need
from sfs.core.verdict import Verdict
from sfs.match.words import Place, WordHit
from sfs.text.readings import readings_of_bytes


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
        above = labelled(case)
    if isinstance(above, Need) and above.fact is Fact.PAGE:
        return above._replace(notice=_help_notice(case))
    return above or help_shown(case)


def help_shown(case: Case) -> Verdict:
    return case.allow("search-words", "help-words", notice=_help_notice(case), record=False)


def _help_notice(case: Case) -> str | None:
    """A page with help lines comes before a page alone: a script would take it for an answer of the engine."""
    return "help-words" if case.is_document and case.policy.level <= 2 else None


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


def metadata_words(case: Case) -> Answer:
    """Words in title, description, keywords and Open Graph, where nobody has rated this page."""
    if case.page_level or not response_counts(case):
        return None
    page = case.facts.page
    if page is None:
        return None if case.facts.page_asked else Need(Fact.PAGE, case.url)
    hit = case.words("\n".join(page.texts), Place.META)
    return _words_verdict(case, "metadata-words", [] if hit is None else [hit])


def body_words(case: Case) -> Answer:
    """Weighted phrases in the whole text, where the policy asks for it and nobody has rated this page."""
    if not case.policy.scan_body or case.page_level or not response_counts(case):
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


def _words_verdict(case: Case, check: str, hits: list[WordHit]) -> Answer:
    """The word itself stays out of the verdict's reason; its file and line are the source."""
    if not hits:
        return None
    rule = max(hits, key=lambda hit: hit.rule.rating or 0).rule
    return case.block(check, check, rating=rule.rating, source=str(rule.where) if rule.where else None)


def _host_text(host: str) -> str:
    """A host as people read it: an internationalised name in its own letters too."""
    if "xn--" not in host:
        return host
    try:
        return f"{host} {host.encode('ascii').decode('idna')}"
    except UnicodeError:
        return host
