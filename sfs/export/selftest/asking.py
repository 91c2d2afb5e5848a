"""Answers of a resolver, over UDP, TCP, TLS and HTTPS, each question within a time."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
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
    message.use_tsig(dns.tsig.Key(key.name, key.secret, dns.tsig.HMAC_SHA256))
    try:
        async with asyncio.timeout(seconds):
            data = await _streamed(str(server.address), server.port, message.to_wire(), None, None)
            found = dns.message.from_wire(data, keyring=message.keyring, request_mac=message.mac)
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
    if way.transport is Transport.HTTPS:
        message.id = 0  # RFC 8484, section 4.1
        data = await doh.ask(host, way.port, way.path, message.to_wire(), _tls("h2"), source)
    else:
        tls = _tls("dot") if way.transport is Transport.TLS else None
        data = await _streamed(host, way.port, message.to_wire(), tls, source)
    found = dns.message.from_wire(data)
    if not message.is_response(found):
        raise OSError("an answer to another question")
    return found


async def _streamed(host: str, port: int, query: bytes, tls: ssl.SSLContext | None, source: str | None) -> bytes:
    """The message that answers over TCP, or TLS: RFC 7766, RFC 7858."""
    own, name = None if source is None else (source, 0), None if tls is None else ""
    reader, writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname=name, local_addr=own)
    try:
        writer.write(len(query).to_bytes(2) + query)
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
    finally:
        writer.transport.abort()  # not close: Knot Resolver takes 10 s to say good-bye
        with suppress(OSError):
            await writer.wait_closed()


@cache
def _tls(protocol: str) -> ssl.SSLContext:
    """A context that takes any certificate: what is answered is looked at, not by whom."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # without the certificates of the system, which take 0.1 s
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
