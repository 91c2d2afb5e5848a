"""The checks of lists, those of the law and those that somebody subscribed to; and of what is a way around any list."""

from sfs.core.case import Case
from sfs.core.checks import Answer, line_of, list_blocks
from sfs.core.levels import LEVELS, Bypass, Unrated
from sfs.core.ruleset import Axis
from sfs.core.verdict import Scope
from sfs.match.index import Hit
from sfs.match.sealed import SealedIndex
from sfs.text.address import Kind, address_class, parse_address
from sfs.text.doh import is_doh
from sfs.text.url import Form


def mandatory(case: Case) -> Answer:
    """A law's or an ISP's blocking list. The verdict names the list, and of a sealed one the number of an entry; never
    what stands there."""
    for lst in case.ruleset.mandatory:
        hits = lst.index.match(case.url)
        if hits:
            source = f"{lst.id} {lst.serial}"
            entry = min(hit.line for hit in hits) if isinstance(lst.index, SealedIndex) else None
            return case.block("mandatory", "mandatory", source=source, scope=_scope(case, hits), entry=entry)
    return None


def subscribed(case: Case) -> Answer:
    """Subscribed lists: security at every level, circumvention for children; DNS over HTTPS on any host; pages that
    carry other pages; and, where the policy says so, pages without a name."""
    for lst, hit in case.list_hits:
        if lst.axis is not None and list_blocks(case, None, lst.axis):
            return case.block("subscribed", str(lst.axis), source=line_of(lst.name, hit), scope=case.scope_of(hit))
    if _asks_names(case):
        return case.block("subscribed", str(Axis.CIRCUMVENTION), source="DNS over HTTPS")
    if case.policy.addresses is Unrated.BLOCK and case.is_document and _is_outer_address(case.url.host):
        return case.block("subscribed", "address-url")
    wrapper = _wrapper(case)
    return None if wrapper is None else case.block("subscribed", "wrapper", source=wrapper)


def only_allowed(case: Case) -> Answer:
    """An allowlist-only policy blocks every other document."""
    if not case.policy.only_allowed or not case.is_document or case.opened:
        return None
    return case.block("only-allowed", "only-allowed")


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


def _scope(case: Case, hits: list[Hit]) -> Scope:
    return Scope.HOST if all(case.scope_of(hit) is Scope.HOST for hit in hits) else Scope.URL
