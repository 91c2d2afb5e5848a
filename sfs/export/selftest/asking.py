"""Answers of a resolver, over UDP, TCP, TLS and HTTPS, each question within a time."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.tsig

from sfs.export.selftest import doh
from sfs.export.selftest.plan import Transport
from sfs.export.selftest.questions import Question, Role
from sfs.export.transfer import Key, Peer

MAX_DATA: Final = 64  # records that are looked at
NOT_BLOCKED: Final = frozenset({"SERVFAIL", "REFUSED", "FORMERR", "NOTIMP", "NOTAUTH", "BADVERS"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came. `code`: NOERROR, NXDOMAIN, ...; '' where nothing came, and `trouble` says why. `data`: of the type
    asked for, at the end of all aliases; `ttl`: its longest time in seconds."""

    code: str
    data: frozenset[str] = frozenset()
    ttl: int = 0
    trouble: str = ""

    @property
    def silent(self) -> bool:
        """Whether it says nothing of the name: nothing came, or an error of the server."""
        return self.code == "" or self.code in NOT_BLOCKED


async def ask(question: Question, seconds: float) -> Answer:
    """The answer to a question; never an error."""
    message = dns.message.make_query(
        question.name, question.type, use_edns=0, want_dnssec=question.role is Role.SIGNED, payload=1232
    )
    try:
        async with asyncio.timeout(seconds):
            found = await _sent(question, message, seconds)
    except (TimeoutError, dns.exception.Timeout):
        return Answer("", trouble="no answer in time")
    except ConnectionRefusedError:
        return Answer("", trouble="nobody listens")
    except (OSError, EOFError, dns.exception.DNSException) as fault:
        return Answer("", trouble=f"no answer: {type(fault).__name__}")
    return _read(found, question.type)


async def ask_serial(zone: str, server: Peer, key: Key, seconds: float) -> int | None:
    """The serial of a zone at its primary, asked with the key of transfers; None where it does not tell."""
    message = dns.message.make_query(zone, "SOA", use_edns=0)
    message.use_tsig({key.name: dns.tsig.Key(key.name, key.secret, dns.tsig.HMAC_SHA256)}, key.name)
    try:
        async with asyncio.timeout(seconds):
            found = await dns.asyncquery.tcp(message, str(server.address), seconds, server.port)
    except (TimeoutError, OSError, EOFError, dns.exception.DNSException):
        return None
    for record in found.answer:
        if record.rdtype == dns.rdatatype.SOA:
            return int(record[0].serial)
    return None


async def _sent(question: Question, message: dns.message.QueryMessage, seconds: float) -> dns.message.Message:
    way = question.way
    host, source = str(way.address), None if question.source is None else str(question.source)
    if way.transport is Transport.UDP:
        found, _ = await dns.asyncquery.udp_with_fallback(
            message, host, seconds, way.port, source, ignore_unexpected=True, ignore_errors=True
        )
        return found
    if way.transport is Transport.TCP:
        return await dns.asyncquery.tcp(message, host, seconds, way.port, source)
    if way.transport is Transport.TLS:
        return await dns.asyncquery.tls(message, host, seconds, way.port, source, ssl_context=_tls("dot"))
    message.id = 0  # RFC 8484, section 4.1
    data = await doh.ask(host, way.port, way.path, message.to_wire(), _tls("h2"), source)
    found = dns.message.from_wire(data)
    if not message.is_response(found):
        raise OSError("an answer to another question")
    return found


def _tls(protocol: str) -> ssl.SSLContext:
    """A context that takes any certificate: what is answered is looked at, not by whom."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    return context


def _read(found: dns.message.Message, kind: str) -> Answer:
    data, ttl, wanted = set(), 0, dns.rdatatype.from_text(kind)
    for records in found.answer[:MAX_DATA]:
        if records.rdtype == wanted or wanted == dns.rdatatype.ANY:
            ttl = max(ttl, records.ttl)
            data |= {_text(record) for record in list(records)[:MAX_DATA]}
    return Answer(dns.rcode.to_text(found.rcode()), frozenset(data), ttl)


def _text(record: object) -> str:
    strings = getattr(record, "strings", None)
    if strings is not None:  # of a TXT record
        return b"".join(strings).decode("ascii", "replace")
    return str(record)
