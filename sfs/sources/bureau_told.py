"""What a bureau may be told of a page: nothing, its host, its URL without a query, or all of it (design, section 8).

Never told is what is nobody's business: names inside a house, our own, help lines, and searches for help, also where
another page carries them in its URL. Help lines themselves are shown before any bureau is thought of."""

import re
from dataclasses import replace
from itertools import islice
from typing import Final

from sfs.core.case import Case
from sfs.core.decide import MAX_WRAPPERS
from sfs.core.facts import Facts
from sfs.core.policy import Policy
from sfs.core.probes import probe_of
from sfs.core.ruleset import Ruleset
from sfs.errors import UrlError
from sfs.pics.coverage import form_text
from sfs.sources.bureau_query import Question, whole_host, whole_url
from sfs.sources.subscriptions import Ask
from sfs.text.address import Kind, address_class, parse_address
from sfs.text.url import Form, Url, parse_url

MAX_NAMES: Final = 32  # of hosts in one URL that are looked up
_NAMES: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:/[^\s?&#]*)?")
# Names that are never in the public DNS. RFC 6761, 6762, 8375, 7686; .internal: ICANN, 29 July 2024.
_INSIDE: Final = ("local", "localhost", "internal", "home.arpa", "onion")


def may_be_told(host: str) -> bool:
    """Whether a canonical host is one that others can know: no single word, no address inside, no name of ours."""
    if (address := parse_address(host)) is not None:
        return address_class(address) is Kind.PUBLIC
    if "." not in host or probe_of(host):
        return False
    return not any(host == name or host.endswith(f".{name}") for name in _INSIDE)


def questions_about(url: Url, ask: Ask, facts: Facts, policy: Policy, ruleset: Ruleset) -> tuple[Question, ...]:
    """What is asked of a page. `facts`: the request that needs its labels; () where nothing may be told."""
    if url.host in ruleset.own_hosts or not may_be_told(url.host):
        return ()
    if url.name_only or ask is Ask.HOST:
        return whole_host(url)
    for told in (url, _without_query(url)):
        if not _speaks_of_help(Case(replace(facts, url=told), policy, ruleset)):
            return whole_url(told)
    return whole_host(url)


def _without_query(url: Url) -> Url:
    forms = tuple(dict.fromkeys(Form(form.path, None) for form in url.forms))
    return Url(url.scheme, url.host, url.port, forms)


def _names_help(case: Case) -> bool:
    """Whether path or query name a help line's site, in any manner: a link that was followed, a page that was read."""
    for form in case.url.forms:
        for text in islice(_NAMES.findall(form_text(form).lower()), MAX_NAMES):
            try:
                hits = case.ruleset.help_hosts.match(parse_url(f"https://{text}"))
            except UrlError:
                continue
            if hits:
                return True
    return False


def _speaks_of_help(case: Case, depth: int = 0) -> bool:
    """Whether a URL, or a page that it carries, is a help line's or a search for help. One too deep to see is."""
    if case.is_help_host or case.asks_for_help or _names_help(case):
        return True
    if not case.may_wrap:
        return False
    if depth >= MAX_WRAPPERS:
        return any(case.wrapped)
    for text in {one.inner for found in case.wrapped for one in found}:
        try:
            url = parse_url(text)
        except UrlError:
            continue
        if _speaks_of_help(Case(replace(case.facts, url=url), case.policy, case.ruleset), depth + 1):
            return True
    return False
