"""Answers that no server should give, as bytes, and what a reader may get of them: one row a case.

Where `says` is BLOCKED the page has a word above level 2 in its head and must not come through, however it is
wrapped. Where it is not, the page is harmless and nothing may break."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import brotli
import zstandard

from tests.e2e.origin import page
from tests.e2e.raw import PLAIN, PLAIN_PAGE, SECRET, Step, reply

SHOWN, BLOCKED = (200,), (403,)
GONE = (0, 502, 504)  # nothing to judge came: an error of the proxy's
SHOWN_OR_GONE = (*SHOWN, *GONE)
BLOCKED_OR_GONE = (*BLOCKED, *GONE)
VECTORS = Path(__file__).parents[1] / "vectors" / "pics" / "malformed"
HTML = b"Content-Type: text/html; charset=utf-8\r\n"
BAD_PAGE = page("The penguin", body=f"<p>{SECRET.decode()}</p>")


@dataclass(frozen=True)
class Odd:
    """One answer, and the statuses a reader at level 2 may see. `method` it is asked with."""

    id: str
    steps: Sequence[Step]
    says: tuple[int, ...]
    method: str = "GET"
    strict: tuple[int, ...] = ()  # what a reader at level 1 may see, where that is less
    wait: float = 8.0


def bad_responses() -> tuple[Odd, ...]:
    """All rows."""
    groups = (
        _ends(),
        _status_lines(),
        _lengths(),
        _fields(),
        _types(),
        _no_body(),
        _codings(),
        _interim(),
        _html(),
        _labels(),
    )
    return tuple(case for group in groups for case in group)


def _head(length: int) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + HTML + b"Content-Length: %d\r\n\r\n" % length


def _ends() -> Iterator[Odd]:
    for how in ("close", "reset"):
        yield Odd(f"at-once-{how}", [how], GONE)
        yield Odd(f"mid-head-{how}", [b"HTTP/1.1 200 OK\r\nContent-Ty", how], GONE)
        yield Odd(f"after-head-{how}", [_head(5000), how], SHOWN_OR_GONE)
        yield Odd(f"mid-page-{how}", [_head(5000), BAD_PAGE, how], BLOCKED_OR_GONE)
        yield Odd(f"mid-title-{how}", [_head(5000), b"<title>The peng", how], SHOWN_OR_GONE)
        yield Odd(f"after-title-{how}", [_head(5000), b"<title>The penguin</title>" + SECRET, how], BLOCKED_OR_GONE)
        yield Odd(f"mid-body-{how}", [_head(500_000), PLAIN_PAGE + b"x" * 100_000, how], SHOWN)
        yield Odd(f"mid-chunk-{how}", [_chunked(b"ff\r\n" + BAD_PAGE), how], BLOCKED_OR_GONE)


def _status_lines() -> Iterator[Odd]:
    for line in (
        "HTTP/1.1 200",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 -20 OK",
        "HTTP/1.1 0 OK",
        "HTTP/1.1 150 OK",
        "HTTP/1.1 abc OK",
        "HTTP/1.1",
        "HTTP/3.7 200 OK",
        "HTTP/0.9 200 OK",
        "ICY 200 OK",
        "200 OK",
        " HTTP/1.1 200 OK",
        "HTTP/1.1 200 O\x00K",
        "HTTP/1.1 200 \xe3\x83\x9a",
        "\x00\xff" * 50,
        "x" * 100_000,
    ):
        head = line.encode("latin-1") + b"\r\n" + HTML + b"Connection: close\r\n\r\n"
        yield Odd(f"status-{line[:20]!r}", [head + BAD_PAGE], BLOCKED_OR_GONE)
    for status in (b"299 OK", b"400 No", b"404 No", b"451 No", b"500 No", b"511 No", b"599 No", b"999 No"):
        yield Odd(f"status-{status.decode()}-page", [reply(BAD_PAGE, status=status)], BLOCKED_OR_GONE)
    yield Odd("no-head-at-all", [BAD_PAGE], BLOCKED_OR_GONE)
    yield Odd("bare-line-feeds", [reply(BAD_PAGE).replace(b"\r\n", b"\n")], BLOCKED_OR_GONE)
    yield Odd("line-ends-first", [b"\r\n\r\n" + reply(BAD_PAGE)], BLOCKED_OR_GONE)


def _chunked(body: bytes, head: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + HTML + head + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + body


def _lengths() -> Iterator[Odd]:
    for value in (b"-1", b"+9", b"0x99", b"1e3", b"9, 9", b"", b"99999999999999999999999", b"\xb2"):
        head = b"HTTP/1.1 200 OK\r\n" + HTML + b"Connection: close\r\nContent-Length: " + value + b"\r\n\r\n"
        yield Odd(f"length-{value!r}", [head + BAD_PAGE, "close"], BLOCKED_OR_GONE)
    yield Odd("length-too-short", [_head(len(BAD_PAGE) - 20) + BAD_PAGE], BLOCKED)
    yield Odd("length-too-long", [_head(len(BAD_PAGE) + 20) + BAD_PAGE, "close"], BLOCKED_OR_GONE)
    yield Odd("length-0", [_head(0) + BAD_PAGE], SHOWN_OR_GONE)  # an empty page; the rest is not part of it
    twice = b"HTTP/1.1 200 OK\r\n" + HTML + b"Content-Length: 5\r\nContent-Length: 500\r\n\r\n"
    yield Odd("length-twice", [twice + BAD_PAGE, "close"], BLOCKED_OR_GONE)
    size = b"%x\r\n" % len(BAD_PAGE)
    whole = size + BAD_PAGE + b"\r\n0\r\n\r\n"
    yield Odd("length-and-chunked", [_chunked(whole, b"Content-Length: 5\r\n")], BLOCKED_OR_GONE)
    yield Odd("chunked", [_chunked(whole)], BLOCKED)
    yield Odd("chunks-of-one", [_chunked(b"".join(b"1\r\n%c\r\n" % byte for byte in BAD_PAGE) + b"0\r\n\r\n")], BLOCKED)
    yield Odd("chunks-no-number", [_chunked(b"ZZ\r\n" + BAD_PAGE), "close"], SHOWN_OR_GONE)
    yield Odd("chunks-negative", [_chunked(b"-5\r\n" + BAD_PAGE), "close"], SHOWN_OR_GONE)
    yield Odd("chunks-huge", [_chunked(b"FFFFFFFFFFFFFFFFFFFF\r\n" + BAD_PAGE), "close"], BLOCKED_OR_GONE)
    yield Odd("chunks-no-end", [_chunked(size + BAD_PAGE + b"XX"), "close"], BLOCKED_OR_GONE)
    yield Odd("chunks-long-line", [_chunked(b"5;" + b"x" * 500_000), "close"], SHOWN_OR_GONE)
    yield Odd("chunks-then-rubbish", [_chunked(whole + b"\x00" * 500), "close"], BLOCKED)
    trailers = whole[:-2] + b"PICS-Label: (PICS-1.1\r\nX-B: " + b"c" * 100 + b"\r\n\r\n"
    yield Odd("trailers", [_chunked(trailers, b"Trailer: PICS-Label\r\n")], BLOCKED)
    plain = b"%x\r\n" % len(PLAIN_PAGE) + PLAIN_PAGE + b"\r\n0\r\nX-B: c\r\n\r\n"
    yield Odd("trailers-shown", [_chunked(plain)], SHOWN)
    yield Odd("trailers-without-end", [_chunked(plain[:-2] + b"X: y\r\n" * 50_000), "close"], SHOWN_OR_GONE)
    for coding in (b"xchunked", b"identity", b"chunked, gzip", b"gzip", b"\xff"):
        head = b"HTTP/1.1 200 OK\r\n" + HTML + b"Connection: close\r\nTransfer-Encoding: " + coding + b"\r\n\r\n"
        yield Odd(f"coding-{coding!r}", [head + BAD_PAGE, "close"], BLOCKED_OR_GONE)


def _fields() -> Iterator[Odd]:
    for name, line in {
        "nul": b"X-A: a\x00b",
        "control": b"X-A: a\x07b",
        "bare-return": b"X-A: a\rb",
        "no-colon": b"X-A",
        "no-name": b": a",
        "name-with-blank": b"X A: a",
        "name-not-ascii": b"X-\xe9: a",
        "not-ascii": b"X-A: \xff\xfe\xe3\x83\x9a",
        "folded": b"X-A: a\r\n b",
        "long": b"X-A: " + b"a" * 60_000,
        "too-long": b"X-A: " + b"a" * 2_000_000,
        "many": b"\r\n".join(b"X-%d: a" % n for n in range(2000)),
        "far-too-many": b"\r\n".join(b"X-%d: a" % n for n in range(200_000)),
        "set-cookies": b"\r\n".join(b"Set-Cookie: a%d=b" % n for n in range(500)),
    }.items():
        yield Odd(f"field-{name}", [reply(BAD_PAGE, HTML + line + b"\r\n")], BLOCKED_OR_GONE)
        yield Odd(f"field-{name}-shown", [reply(PLAIN_PAGE, HTML + line + b"\r\n")], SHOWN_OR_GONE)
    many = b"".join(b"PICS-Label: (PICS-1.1 %d\r\n" % n for n in range(1000))
    yield Odd("field-labels", [reply(PLAIN_PAGE, HTML + many)], SHOWN)


def _types() -> Iterator[Odd]:
    """What browsers show as a page: by their rules for types that are missing, odd or stand twice."""
    for value in (
        b"TEXT/HTML",
        b" text/html ",
        b"text/html;",
        b"text/html ; charset",
        b"text/html\t;x=y",
        b"text/html;charset=;charset=foo",
        b"text/html; charset=" + b"x" * 5000,
        b"text/html; charset=utf-7",
        b"text/html; charset=x-user-defined",
        b"text/html,text/html",
        b"text/plain, text/html",
        b"application/xhtml+xml",
        b"*/*",
        b"unknown/unknown",
        b"application/unknown",
        b"",
        b"text",
        b"/",
        b";",
    ):
        yield Odd(f"type-{value[:24]!r}", [reply(BAD_PAGE, b"Content-Type: " + value + b"\r\n")], BLOCKED)
    folded = b"Content-Type: text/\r\n html\r\n"
    yield Odd("type-folded", [reply(BAD_PAGE, folded)], BLOCKED_OR_GONE)
    for first, second in (
        (b"text/plain", b"text/html"),
        (b"text/html", b"text/html"),
        (b"image/png", b"text/html; charset=utf-8"),
    ):
        twice = b"Content-Type: " + first + b"\r\nContent-Type: " + second + b"\r\n"
        yield Odd(f"type-twice-{first.decode()}", [reply(BAD_PAGE, twice)], BLOCKED_OR_GONE)
    for start in (
        b"",
        b"\n \t",
        b"\xef\xbb\xbf",
        b"<!-- a -->",
        b"<h1>",
        b"<a >",
        b"<b>",
        b"<table>",
        b"<iframe></iframe>",
        b"<p >",
        b"<br>",
    ):
        yield Odd(f"no-type-{start!r}", [reply(start + BAD_PAGE, b"")], BLOCKED)
    yield Odd(
        "no-type-slow", [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BAD_PAGE), *_each(BAD_PAGE)], BLOCKED
    )
    yield Odd("no-type-text", [reply(PLAIN + b" The penguin", b"")], SHOWN)
    yield Odd("no-type-empty", [reply(b"", b"")], SHOWN)
    yield Odd("no-type-zeros", [reply(b"\x00" * 5000, b"")], SHOWN)


def _each(body: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in body]


def _no_body() -> Iterator[Odd]:
    for status in (b"204 No", b"304 Not"):
        yield Odd(f"body-with-{status.decode()}", [reply(BAD_PAGE, status=status)], (int(status[:3]), *GONE))
    yield Odd("body-with-205", [reply(BAD_PAGE, status=b"205 Reset")], BLOCKED_OR_GONE)
    yield Odd("body-after-head", [reply(BAD_PAGE)], SHOWN_OR_GONE, method="HEAD")
    for status in (b"300 Many", b"305 Proxy", b"306 Switch", b"310 What", b"399 What"):
        page_there = reply(BAD_PAGE, HTML + b"Location: http://site.test/\r\n", status=status)
        yield Odd(
            f"no-redirect-{status.decode()}", [page_there], BLOCKED
        )  # browsers follow none of these: they show it
    for status in (b"301 Moved", b"302 Found", b"303 See", b"307 Moved", b"308 Moved"):
        nowhere = reply(BAD_PAGE, HTML, status=status)
        yield Odd(f"redirect-to-nowhere-{status.decode()}", [nowhere], BLOCKED)
    nowhere = reply(BAD_PAGE, HTML + b"Location:\r\n", status=b"302 Found")
    yield Odd("redirect-with-empty-location", [nowhere], BLOCKED)
    good = reply(b"<p>moved", HTML + b"Location: http://site.test/\r\n", status=b"302 Found")
    yield Odd("redirect", [good], (302,))


def _codings() -> Iterator[Odd]:
    zipped = gzip.compress(BAD_PAGE)

    def odd(name: str, body: bytes, coding: bytes, says: tuple[int, ...], strict: tuple[int, ...] = ()) -> Odd:
        return Odd(
            f"coding-{name}", [reply(body, HTML + b"Content-Encoding: " + coding + b"\r\n")], says, strict=strict
        )

    for coding in (b"gzip", b"x-gzip", b"GZIP", b" gzip ", b"gzip,", b"identity, gzip"):
        yield odd(f"good-{coding!r}", zipped, coding, BLOCKED)
    yield odd("gzip-twice", gzip.compress(zipped), b"gzip, gzip", BLOCKED)
    two = HTML + b"Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n"
    yield Odd("coding-two-fields", [reply(gzip.compress(zipped), two)], BLOCKED)
    yield odd("gzip-inside-br", brotli.compress(zipped), b"gzip, br", BLOCKED)
    yield odd("gzip-members", gzip.compress(BAD_PAGE[:20]) + gzip.compress(BAD_PAGE[20:]), b"gzip", BLOCKED)
    yield odd("identity", BAD_PAGE, b"identity", BLOCKED)
    yield odd("empty", BAD_PAGE, b"", BLOCKED)
    for coding in (b"foo", b"gzip;q=1", b"compress", b"\xff"):
        yield odd(f"unknown-{coding!r}", BAD_PAGE, coding, BLOCKED)
    # Nothing can be read of these, here or in a browser: no word of the page is known, so it is cut.
    unreadable = {
        "gzip-called-br": (zipped, b"br"),
        "br-called-gzip": (brotli.compress(BAD_PAGE), b"gzip"),
        "zstd-called-br": (zstandard.compress(BAD_PAGE), b"br"),
        "gzip-broken-at-once": (b"\x1f\x8b\x08\x00" + b"\xff" * 300, b"gzip"),
        "zstd-window": (
            zstandard.ZstdCompressor(level=22, write_content_size=False).compress(b"<p>" * 9_000_000)[:300],
            b"zstd",
        ),
        "three": (gzip.compress(gzip.compress(zipped)), b"gzip, gzip, gzip"),
    }
    for name, (body, coding) in unreadable.items():
        yield odd(name, body, coding, (*SHOWN_OR_GONE, *BLOCKED), BLOCKED_OR_GONE)
    middle = len(zipped) // 2
    long = gzip.compress(BAD_PAGE + bytes(range(256)) * 200, 0)
    yield odd("gzip-broken-later", long[:2000] + b"\xff" * 50 + long[2050:], b"gzip", BLOCKED)
    yield odd("gzip-cut", long[:2000], b"gzip", BLOCKED)
    yield odd("gzip-cut-early", zipped[:middle], b"gzip", (*SHOWN_OR_GONE, *BLOCKED))
    yield odd("gzip-wrong-sum", zipped[:-8] + b"\x00" * 8, b"gzip", BLOCKED)
    yield odd("gzip-with-rubbish", zipped + b"\x00rubbish" * 50, b"gzip", BLOCKED)
    yield odd(
        "gzip-with-name", b"\x1f\x8b\x08\x08" + zipped[4:10] + b"a" * 200_000 + b"\x00" + zipped[10:], b"gzip", BLOCKED
    )
    yield odd("deflate-raw", zlib.compress(BAD_PAGE)[2:-4], b"deflate", BLOCKED)
    # A page behind many empty members: browsers show the first member, so an empty page.
    yield odd("empty-gzip-members", gzip.compress(b"") * 2000 + zipped, b"gzip", SHOWN)


def _interim() -> Iterator[Odd]:
    for name, first in {
        "100": b"HTTP/1.1 100 Continue\r\n\r\n",
        "103": b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
        "199": b"HTTP/1.1 199 What\r\nContent-Length: 5\r\n\r\n",
        "fifty": b"HTTP/1.1 100 Continue\r\n\r\n" * 50,
        "102-without-end": b"HTTP/1.1 102 Processing\r\nX-A: ",
    }.items():
        says = BLOCKED_OR_GONE if name in ("199", "102-without-end") else BLOCKED
        yield Odd(f"interim-{name}", [first + reply(BAD_PAGE)], says)
    yield Odd("interim-100-shown", [b"HTTP/1.1 100 Continue\r\n\r\n", reply(PLAIN_PAGE)], SHOWN)
    yield Odd(
        "upgrade-not-asked-for", [b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n" + BAD_PAGE], (*BLOCKED_OR_GONE, 101)
    )
    yield Odd("two-answers", [reply(PLAIN_PAGE) + reply(BAD_PAGE)], SHOWN)


def _html() -> Iterator[Odd]:
    word = b"<title>The penguin</title>" + SECRET
    for name, start in {
        "deep": b"<div>" * 100_000,
        "unclosed-tag": b"<meta name='a",
        "bogus": b"<!a><?b><![CDATA[c]]></>",
        "zeros": b"\x00" * 1000,
        "attributes": b"<html " + b"a=b " * 20_000 + b">",
        "same-attribute": b"<meta " + b"name=x " * 20_000 + b">",
        "metas": b"<meta name=keywords content=x>" * 5000,
        "entities": b"&#x110000;&#0;&#xD800;&amp" * 1000,
        "long-comment": b"<!--" + b"-" * 100_000 + b"-->",
        "many-comments": b"<!---->" * 20_000,
        "escapes": b"\x1b$B\x1b(J\x1b$@" * 1000,
        "templates": b"<template>" * 5000,
        "angles": b"<" * 100_000,
        "scripts": b"<script><!--<script></script>" * 2000,
    }.items():
        yield Odd(f"html-{name}", [reply(start + PLAIN_PAGE)], (*SHOWN, *BLOCKED))
    for name, body in {
        "title-1m": b"<title>The penguin " + b"x" * 1_000_000 + SECRET,
        "title-unclosed": b"<title>The penguin " + SECRET,
        "title-twice": b"<title></title>" + word,
        "title-in-capitals": b"<TITLE\n>The penguin</TITLE  >" + SECRET,
        "title-with-nul": b"<!doctype html>\x00" + word,
        "title-with-attributes": b"<title " + b"a='>' " * 500 + b">The penguin</title>" + SECRET,
        "title-in-svg-after": b"<svg></svg>" + word,
        "after-bogus-comment": b"<!>" + b"<!-->" + b"<!--->" + word,
        "after-script": b"<script>/* <title>x</title> */</script>" + word,
        "bad-utf-8": b"\xff\xfe\xfd"[2:] + b"<title>\xff\xf0 The penguin \x80</title>" + SECRET,
        "unknown-charset": b"<meta charset=nonsense>" + word,
        "charset-1k": b"<meta charset=" + b"x" * 1000 + b">" + word,
        "utf-16-odd": b"\xff\xfe" + (word.decode().encode("utf-16-le")) + b"x",
        "meta-utf-16": b"<meta charset=utf-16>" + word,
        "metas-of-all-kinds": b"<meta name><meta content><meta name=description content='The penguin'>" + SECRET,
        "byte-by-byte": b"",
    }.items():
        whole = reply(body or BAD_PAGE)
        yield Odd(f"html-word-{name}", _each(whole) if name == "byte-by-byte" else [whole], BLOCKED)


def _labels() -> Iterator[Odd]:
    """What cannot be read says nothing; what can only raises."""
    for path in sorted(VECTORS.glob("*.txt")):
        label = path.read_bytes().replace(b"\r", b" ").replace(b"\n", b" ")
        if all(byte == 9 or 0x20 <= byte != 0x7F for byte in label):
            head = HTML + b"PICS-Label: " + label[:60_000] + b"\r\n"
            yield Odd(f"label-{path.stem}-header", [reply(PLAIN_PAGE, head)], (*SHOWN, *BLOCKED))
        meta = b"<meta http-equiv='PICS-Label' content='" + label.replace(b"'", b"&#39;") + b"'>"
        yield Odd(f"label-{path.stem}-meta", [reply(meta + PLAIN_PAGE)], (*SHOWN, *BLOCKED))
    for name, label in {
        "deep": b"(" * 50_000,
        "words": b"a " * 30_000,
        "quotes": b'"' * 50_000,
        "labels": b'(PICS-1.1 "http://www.rsac.org/ratingsv01.html" ' + b"l r (n 0) " * 5000 + b")",
        "number": b'(PICS-1.1 "http://www.rsac.org/ratingsv01.html" l r (n ' + b"9" * 5000 + b"))",
    }.items():
        yield Odd(
            f"label-{name}-header", [reply(PLAIN_PAGE, HTML + b"PICS-Label: " + label + b"\r\n")], (*SHOWN, *BLOCKED)
        )
        meta = b"<meta http-equiv='PICS-Label' content='" + label + b"'>"
        yield Odd(f"label-{name}-meta", [reply(meta + PLAIN_PAGE)], (*SHOWN, *BLOCKED))
