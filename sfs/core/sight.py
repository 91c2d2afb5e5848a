"""What is seen of a request: how much of an HTTPS connection, and whether it asks for a document."""

from sfs.core.facts import Https, Kind
from sfs.core.policy import Policy
from sfs.core.ruleset import Ruleset
from sfs.text.url import Url

DOCUMENT_DESTINATIONS = frozenset({"document", "iframe", "frame", "fencedframe", "object", "embed"})


def stays_closed(url: Url, https: Https, policy: Policy, ruleset: Ruleset) -> bool:
    """Whether the HTTPS connection to this host is judged by its name alone: by the mode, by the list of what is
    never decrypted, always for help lines, and for whom only mandatory lists hold."""
    if url.scheme != "https" or url.host in ruleset.own_hosts:
        return False
    if https is Https.SNI or policy.checks is not None:
        return True
    name = url.by_name()
    return bool(policy.never_decrypt.match(name) or _is_help(name, ruleset))


def as_seen(url: Url, https: Https, policy: Policy, ruleset: Ruleset) -> Url:
    """`url` as the filter will see it under this mode: whole, or by name."""
    return url.by_name() if stays_closed(url, https, policy, ruleset) else url


def kind_of(destination: str | None, accept: str | None) -> Kind:
    """Document or sub-resource, by Sec-Fetch-Dest; without that header by an Accept that names text/html."""
    if destination:
        document = destination.strip().lower() in DOCUMENT_DESTINATIONS
    else:
        document = "text/html" in (accept or "").lower()
    return Kind.DOCUMENT if document else Kind.SUBRESOURCE


def _is_help(url: Url, ruleset: Ruleset) -> bool:
    # An entry with a path opens a page of a larger site; the site's connections stay open to all checks.
    return any(not hit.entry.needs_path for hit in ruleset.help_hosts.match(url))
