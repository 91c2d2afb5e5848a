"""One line of Squid's as a request, and its verdict: what `sfs explain` would say of it, and of CONNECT what the proxy
says (proxy/tunnels.py): by name, and of what the TLS handshake names as well."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import unquote_to_bytes

from sfs.core.facts import Facts, Https, Kind, Need
from sfs.core.policy import Policy
from sfs.core.sight import kind_of, stays_closed
from sfs.core.verdict import Action, Verdict
from sfs.errors import UrlError
from sfs.sources.explained import Asked, explain_url
from sfs.sources.filter import Filter
from sfs.sources.waiting import judged_here
from sfs.squid.format import Field, Format
from sfs.text.url import Url, name_url, parse_url

NOTHING: Final = "-"  # what Squid writes where it knows nothing
CLOSED: Final = "closed"  # behind the name of an external ACL: whether the connection is to stay closed
MAX_FIELD: Final = 400  # characters of a login, a client or a name: longer ones are nobody's


class BadLine(Exception):
    """A line that is not of the format. `args[0]`: why, without a word of the line."""


@dataclass(frozen=True, slots=True)
class Who:
    """What a line says beside its URL. `closed`: asks whether the connection is to stay closed, not for a verdict."""

    client: str | None = None
    login: str | None = None
    method: str = "GET"
    sni: str | None = None
    kind: Kind = Kind.DOCUMENT
    closed: bool = False

    @property
    def by_name(self) -> bool:
        """Whether only the name is seen."""
        return self.method == "CONNECT" or self.closed


def fields_of(values: list[str], form: Format) -> dict[Field, str]:
    """The fields of a line, unescaped; those that Squid does not know are left out. BadLine where a field is missing
    or there are too many."""
    names = form.fields
    # Squid ends a line with a blank; myip= and myport= are of the default extras.
    told = [value for value in values if value and not value.startswith(("myip=", "myport="))]
    if len(told) < min(len(names), 2) and (Field.CLIENT in names or len(told) < 1):
        raise BadLine("too few fields")
    if len(told) > len(names) and Field.DATA in names[:-1]:
        raise BadLine("too many fields")
    found: dict[Field, str] = {}
    for number, name in enumerate(names):
        last = number == len(names) - 1 and name is Field.DATA
        value = " ".join(told[number:]) if last else told[number] if number < len(told) else NOTHING
        if value == NOTHING or not value:
            continue
        found[name] = unescaped(value) if name in form.escaped else value
    return found


def who_of(found: Mapping[Field, str], form: Format, told: int) -> Who:
    """Who asks and how. `told`: how many fields the line has; where it says nothing of headers at all every request
    is judged as a document, which is the stricter way."""
    places = [number for number, name in enumerate(form.fields) if name in (Field.DESTINATION, Field.ACCEPT)]
    kind = Kind.DOCUMENT
    if places and told > min(places):
        kind = kind_of(found.get(Field.DESTINATION), found.get(Field.ACCEPT))
    client, _, _ = found.get(Field.CLIENT, "").partition("/")  # the default extras: address/name
    login, sni = found.get(Field.LOGIN, ""), found.get(Field.SNI, "")
    if max(len(client), len(login), len(sni)) > MAX_FIELD:
        raise BadLine("a field is too long")
    method = found.get(Field.METHOD, "GET")
    return Who(client or None, login or None, method, sni or None, kind, found.get(Field.DATA, "") == CLOSED)


def unescaped(text: str) -> str:
    """`text` with its %XX as characters. BadLine for an escape that is none, and for control characters."""
    if "%" not in text:
        return text
    pieces = text.split("%")
    for piece in pieces[1:]:
        if len(piece) < 2 or not piece[:2].isalnum() or not _is_hex(piece[:2]):
            raise BadLine("a bad escape")
    plain = unquote_to_bytes(text.encode("latin-1", "replace")).decode("utf-8", "surrogateescape")
    if any(char < " " or char == "\x7f" for char in plain):
        raise BadLine("a control character")
    return plain


def _is_hex(text: str) -> bool:
    return all(char in "0123456789abcdefABCDEF" for char in text)


def judge(text: str, who: Who, filter_: Filter, now: datetime) -> tuple[Verdict, str, Policy]:
    """The verdict on one URL (of CONNECT: host:port), the host that it names, and the policy. Raises what a filter
    raises."""
    if who.method == "CONNECT":
        return _by_name(text, who, filter_, now)
    if "#" in text:
        # A fragment is never sent, so whoever sends one means one page here and another at the server (as the proxy).
        policy = policy_of(who, filter_, now)
        return _refused(policy, "a request with a fragment"), "", policy
    asked = Asked(now, Https.INSPECT, who.kind, who.client, who.login)
    said = explain_url(text if "://" in text[:12] else f"http://{text}", filter_, asked, with_trace=False)
    return said.verdict, _host(said.canonical), said.policy


def _by_name(text: str, who: Who, filter_: Filter, now: datetime) -> tuple[Verdict, str, Policy]:
    policy = policy_of(who, filter_, now)
    try:
        url = tunnel_url(text)
        named = name_url(who.sni, url.port) if who.sni else url
    except UrlError as fault:
        return _refused(policy, fault.what), "", policy
    verdict = _verdict(url, who, filter_, policy, now)
    if not verdict.blocked and named.host != url.host:
        url, verdict = named, _verdict(named, who, filter_, policy, now)
    return verdict, url.host, policy


def stays_by_name(text: str, who: Who, filter_: Filter, now: datetime) -> bool:
    """Whether this connection is never to be decrypted: for the list of those, for help lines, and for whom only
    mandatory lists hold. What cannot be read is: then it is judged by name."""
    policy = policy_of(who, filter_, now)
    try:
        urls = [tunnel_url(text)]
        urls += [name_url(who.sni, urls[0].port)] if who.sni else []
        return any(stays_closed(parse_url(url.origin), Https.INSPECT, policy, filter_.ruleset) for url in urls)
    except UrlError:
        return True


def policy_of(who: Who, filter_: Filter, now: datetime) -> Policy:
    """The policy of who asks, now."""
    return filter_.policies.policy_for(who.client, who.login, None, now)


def tunnel_url(text: str) -> Url:
    """The target of a CONNECT, `host:port`. UrlError where it is none."""
    host, colon, port = text.removeprefix("https://").rstrip("/").rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or len(port) > 5:
        raise UrlError("the target of a tunnel is no host:port", mend="ask for host:port")
    return name_url(host, int(port))


def _verdict(url: Url, who: Who, filter_: Filter, policy: Policy, now: datetime) -> Verdict:
    facts = Facts(url, Https.SNI, method=who.method, client=who.client, login=who.login, time=now)
    answer, facts = judged_here(filter_, facts, policy)
    if isinstance(answer, Need):
        answer, _ = judged_here(filter_, facts.with_page(None), policy)
    assert isinstance(answer, Verdict)
    return answer


def _refused(policy: Policy, what: str) -> Verdict:
    return Verdict(Action.BLOCK, "bad-request", "bad-request", policy.level, source=what)


def _host(canonical: str | None) -> str:
    return "" if canonical is None else canonical.partition("://")[2].partition("/")[0]
