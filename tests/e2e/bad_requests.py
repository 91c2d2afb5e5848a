"""Requests that nobody should send, as bytes, and what may come back: one row a case.

In the bytes {port} is the server's port, {tls} its port for TLS. `says`: the statuses allowed, 0 for a connection that
ends without an answer. In no case may the page of listed.test come through."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.e2e.raw import Step

SHOWN, BLOCKED, BAD = (200,), (403,), (400,)
NEVER_SHOWN = (0, 400, 403, 404, 408, 414, 421, 431, 501, 502, 505)  # an error or a block, whichever comes first
ANYTHING = (0, 200, *NEVER_SHOWN)  # the page is harmless: what counts is that nothing breaks


@dataclass(frozen=True)
class Bad:
    """One conversation. `all_of`: the statuses that must come, in this order, where there are several answers."""

    id: str
    steps: Sequence[Step]
    says: tuple[int, ...]
    all_of: tuple[int, ...] = ()
    wait: float = 8.0
    slow: bool = False  # byte by byte


def get(target: str, *more: str, host: str | None = "site.test:{port}", version: str = "HTTP/1.1") -> bytes:
    """A request head, with these header lines as they are."""
    lines = [f"GET {target} {version}"] + ([] if host is None else [f"Host: {host}"])
    return "\r\n".join([*lines, *more, "Accept: text/html", "Connection: close", "", ""]).encode("latin-1")


SITE, LISTED = "http://site.test:{port}", "http://listed.test:{port}"


def bad_requests() -> tuple[Bad, ...]:
    """All rows."""
    groups = (_lines(), _hosts(), _forms(), _sizes(), _fields(), _bodies(), _targets(), _other_tongues(), _half_open())
    return tuple(case for group in groups for case in group)


def _lines() -> Iterator[Bad]:
    ok = get(SITE + "/x")
    yield Bad("good", [ok], SHOWN)
    yield Bad("good-blocked", [get(LISTED + "/x", host="listed.test:{port}")], BLOCKED)
    yield Bad("rubbish", [b"\x00\x01\xfe\xff" * 200 + b"\r\n\r\n"], NEVER_SHOWN)
    yield Bad("rubbish-without-end", [b"\x80" * 5000, "half"], NEVER_SHOWN)
    yield Bad("only-line-ends", [b"\r\n" * 2000, "half"], NEVER_SHOWN)
    yield Bad("line-ends-first", [b"\r\n\r\n" + ok], (0, *SHOWN))
    yield Bad("only-a-method", [b"GET\r\n\r\n"], NEVER_SHOWN)
    yield Bad("no-target", [b"GET  HTTP/1.1\r\n\r\n"], NEVER_SHOWN)
    yield Bad("no-version", [b"GET " + LISTED.encode() + b"/\r\n\r\n"], NEVER_SHOWN)
    for version in (
        "HTTP/9.9",
        "HTTP/1.2",
        "HTTP/2.0",
        "http/1.1",
        "HTTP/1.1.1",
        "HTTP/",
        "HTTP/1.1 more",
        "ICY/1.1",
        "HTTP/-1.0",
    ):
        yield Bad(f"version-{version}", [get(LISTED + "/x", host="listed.test:{port}", version=version)], NEVER_SHOWN)
    yield Bad("http-1.0", [b"GET " + SITE.encode() + b"/x HTTP/1.0\r\n\r\n"], SHOWN)
    yield Bad("http-1.0-blocked", [b"GET " + LISTED.encode() + b"/x HTTP/1.0\r\nAccept: text/html\r\n\r\n"], BLOCKED)
    for method in ("get", "G@T", "GE\x00T", "G" * 5000, "TRACE", "-", "PRI"):
        request = get(LISTED + "/x", host="listed.test:{port}").replace(b"GET", method.encode(), 1)
        yield Bad(f"method-{method[:8]!r}", [request], NEVER_SHOWN)
    bare = get(SITE + "/x").replace(b"\r\n", b"\n")
    yield Bad("bare-line-feeds", [bare], (*SHOWN, *BAD))
    bare = get(LISTED + "/x", host="listed.test:{port}").replace(b"\r\n", b"\n")
    yield Bad("bare-line-feeds-blocked", [bare], (*BLOCKED, *BAD))
    yield Bad("bare-returns", [get(LISTED + "/x").replace(b"\r\n", b"\r"), "half"], NEVER_SHOWN)
    first = get(SITE + "/x").replace(b"Connection: close\r\n", b"")
    second = get(LISTED + "/x", host="listed.test:{port}")
    yield Bad("pipelined", [first + second], SHOWN, all_of=(200, 403))


def _hosts() -> Iterator[Bad]:
    yield Bad("two-hosts-same", [get(SITE + "/x", "Host: site.test:{port}")], BAD)
    yield Bad("two-hosts-other", [get(SITE + "/x", "Host: listed.test:{port}")], BAD)
    yield Bad("two-hosts-listed-first", [get(SITE + "/x", "Host: site.test:{port}", host="listed.test:{port}")], BAD)
    yield Bad("host-unlike-target", [get(SITE + "/x", host="listed.test:{port}")], BAD)
    yield Bad("target-unlike-host", [get(LISTED + "/x", host="site.test:{port}")], (*BLOCKED, *BAD))
    yield Bad("host-unlike-port", [get(SITE + "/x", host="site.test:9")], BAD)
    yield Bad("host-with-user", [get(SITE + "/x", host="site.test@listed.test:{port}")], BAD)
    yield Bad("host-with-path", [get(SITE + "/x", host="site.test/secret/")], BAD)
    yield Bad("host-list", [get(SITE + "/x", host="site.test, listed.test")], BAD)
    yield Bad("host-with-blank", [get(SITE + "/x", host="site.test listed.test")], BAD)
    yield Bad("host-empty", [get(SITE + "/x", host="")], (*SHOWN, *BAD))
    yield Bad("host-missing", [get(SITE + "/x", host=None)], (*SHOWN, *BAD))
    yield Bad("host-long", [get(SITE + "/x", host="a" * 3000 + ".test")], BAD)
    yield Bad("host-dot", [get(SITE + "/x", host="site.test.:{port}")], (*SHOWN, *BAD))
    yield Bad("host-control", [get(SITE + "/x", host="site.test\x0blisted.test")], BAD)
    yield Bad("host-folded", [get(SITE + "/x", host="\r\n listed.test:{port}")], BAD)
    yield Bad("host-name-with-blank", [get(SITE + "/x", "Host : listed.test")], BAD)
    yield Bad("host-after-blank-line-start", [get(SITE + "/x", " Host: listed.test")], (*SHOWN, *BAD))
    yield Bad("forwarded-host", [get(SITE + "/x", "X-Forwarded-Host: other.test")], SHOWN)


def _forms() -> Iterator[Bad]:
    for target in (
        "listed.test",
        "listed.test:{port}",
        "*",
        "//listed.test:{port}/x",
        "/\\listed.test/",
        "?x",
        "#x",
        ":80",
    ):
        yield Bad(f"target-{target}", [get(target, host="listed.test:{port}")], NEVER_SHOWN)
    # Sent to the proxy itself, as to a server: its own help page.
    yield Bad("origin-form", [get("/", host="listed.test:{port}")], SHOWN)
    yield Bad("origin-form-path", [get("/x", host="listed.test:{port}")], (404,))
    yield Bad("options-asterisk", [get("*", host="listed.test:{port}").replace(b"GET", b"OPTIONS")], NEVER_SHOWN)
    for scheme in ("ftp", "file", "ws", "gopher", "javascript", "data", "about", "HTTPX", ""):
        yield Bad(
            f"scheme-{scheme}", [get(f"{scheme}://listed.test:{{port}}/x", host="listed.test:{port}")], NEVER_SHOWN
        )
    yield Bad("scheme-https", [get("https://listed.test:{tls}/x", host="listed.test:{tls}")], NEVER_SHOWN)
    yield Bad("scheme-capitals", [get("HTTP://listed.test:{port}/x", host="listed.test:{port}")], NEVER_SHOWN)
    for name in (
        "listed.test",
        "listed.test:",
        "listed.test:0",
        "listed.test:99999",
        "listed.test:x",
        "listed.test:-1",
        ":443",
    ):
        yield Bad(f"connect-{name}", [f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()], NEVER_SHOWN)
    for name in (
        "http://listed.test:{tls}/",
        "[::1:443",
        "site.test@listed.test:{tls}",
        "/",
        "*",
        "listed.test:{tls}/x",
    ):
        yield Bad(f"connect-{name}", [f"CONNECT {name} HTTP/1.1\r\nHost: x\r\n\r\n".encode()], NEVER_SHOWN)
    # Where HTTPS is opened so is the tunnel: its requests get the page that says why.
    unlike = b"CONNECT listed.test:{tls} HTTP/1.1\r\nHost: site.test:{tls}\r\n\r\n"
    yield Bad("connect-host-unlike", [unlike], ANYTHING)
    yield Bad("connect-http-1.0", [b"CONNECT listed.test:{tls} HTTP/1.0\r\n\r\n"], ANYTHING)
    body = b"CONNECT listed.test:{tls} HTTP/1.1\r\nHost: listed.test\r\nContent-Length: 5\r\n\r\nhello"
    yield Bad("connect-with-body", [body], ANYTHING)


def _sizes() -> Iterator[Bad]:
    # A URL is kept up to 64 KiB, whole: one that is longer is refused, never cut and then judged.
    room = 65_536 - len("http://site.test:99999/")
    yield Bad("url-64k", [get(SITE + "/" + "x" * room)], (200, 414))
    yield Bad("url-60k", [get(SITE + "/" + "x" * 60_000)], SHOWN)
    yield Bad("url-60k-blocked", [get(LISTED + "/" + "x" * 60_000, host="listed.test:{port}")], BLOCKED)
    yield Bad("url-60k-query", [get(SITE + "/secret/?" + "x=y&" * 15_000)], BLOCKED)
    yield Bad("url-60k-coded", [get(SITE + "/secret/" + "%41" * 20_000)], BLOCKED)
    yield Bad("url-60k-slashes", [get(SITE + "/" * 60_000 + "secret/")], BLOCKED)
    yield Bad("url-60k-dots", [get(SITE + "/a/.." * 12_000 + "/secret/")], BLOCKED)
    yield Bad("url-60k-word-at-end", [get(SITE + "/" + "x/" * 30_000 + "penguin")], BLOCKED)
    yield Bad("url-66k", [get(LISTED + "/" + "x" * 67_000, host="listed.test:{port}")], (414,))
    yield Bad("url-1m", [b"GET " + LISTED.encode() + b"/" + b"x" * 1_000_000], (0, 414))
    yield Bad("field-60k", [get(SITE + "/x", "X-Long: " + "y" * 60_000)], SHOWN)
    yield Bad("field-70k", [get(LISTED + "/x", "X-Long: " + "y" * 70_000, host="listed.test:{port}")], (431,))
    yield Bad("field-2m", [get(LISTED + "/x", "X-Long: " + "y" * 2_000_000)], (0, 431))
    yield Bad("fields-1000", [get(SITE + "/x", *(f"X-{n}: y" for n in range(1000)))], SHOWN)
    yield Bad("fields-100000", [get(LISTED + "/x", *(f"X-{n}: y" for n in range(100_000)))], (0, 431))
    yield Bad("cookies-500", [get(SITE + "/x", *(f"Cookie: a{n}=b" for n in range(500)))], SHOWN)
    yield Bad("accept-50k", [get(LISTED + "/x", "Accept: " + "a/b," * 12_000, host="listed.test:{port}")], BLOCKED)
    yield Bad(
        "referer-50k", [get(LISTED + "/x", "Referer: http://" + "a" * 50_000, host="listed.test:{port}")], BLOCKED
    )
    language = "Accept-Language: " + ",".join(f"x{n};q=0.{n}" for n in range(4000))
    yield Bad("languages-4000", [get(LISTED + "/x", language, host="listed.test:{port}")], BLOCKED)


def _fields() -> Iterator[Bad]:
    for name, line in {
        "nul": "X-A: a\x00b",
        "bell": "X-A: a\x07b",
        "delete": "X-A: a\x7fb",
        "bare-return": "X-A: a\rHost: listed.test",
        "no-colon": "X-A",
        "no-name": ": a",
        "name-with-blank": "X A: a",
        "name-not-ascii": "X-\xe9: a",
        "name-with-control": "X-\x01: a",
    }.items():
        yield Bad(f"field-{name}", [get(SITE + "/x", line)], BAD)
    yield Bad("field-not-ascii", [get(SITE + "/x", "X-A: \xe3\x83\x9a\xff")], SHOWN)
    yield Bad("field-folded", [get(SITE + "/x", "X-A: a\r\n b")], (*SHOWN, *BAD))
    yield Bad(
        "accept-folded", [get(LISTED + "/x", "Accept: text/\r\n html", host="listed.test:{port}")], (*BLOCKED, *BAD)
    )
    for name, line in {
        "destination-odd": "Sec-Fetch-Dest: \xff\xfe;;;",
        "language-odd": "Accept-Language: ;;q=x,ja;q=nan,*;q=-1",
        "encoding-odd": "Accept-Encoding: gzip;q=x,,,",
        "via-odd": "Via: sfs-sfs- , 1.1 sfs-, \xff",
        "referer-odd": "Referer: javascript:alert(1)//\xff",
        "expect-odd": "Expect: the-worst",
        "upgrade-odd": "Upgrade: nonsense\r\nConnection: upgrade",
        "range-odd": "Range: bytes=9-1,-,x",
    }.items():
        yield Bad(f"{name}-blocked", [get(LISTED + "/x", line, host="listed.test:{port}")], NEVER_SHOWN)
        yield Bad(name, [get(SITE + "/x", line)], (200, 400, 417))


def post(target: str, *more: str, body: bytes = b"", host: str = "site.test:{port}") -> bytes:
    """A POST with these header lines and bytes behind them."""
    return (
        get(target, "Content-Type: application/x-www-form-urlencoded", *more, host=host).replace(b"GET", b"POST", 1)
        + body
    )


def _bodies() -> Iterator[Bad]:
    for value in ("-5", "+5", "0x5", "5,5", "5, 6", "1e3", "5 ", "99999999999999999999", "\xb2", ""):
        yield Bad(
            f"length-{value!r}",
            [post(LISTED + "/x", f"Content-Length: {value}", host="listed.test:{port}"), "half"],
            NEVER_SHOWN,
        )
    twice = post(LISTED + "/x", "Content-Length: 5", "Content-Length: 50", body=b"hello", host="listed.test:{port}")
    yield Bad("length-twice", [twice, "half"], NEVER_SHOWN)
    hidden = get(LISTED + "/x", host="listed.test:{port}")
    both = post(SITE + "/x", "Content-Length: 4", "Transfer-Encoding: chunked", body=b"0\r\n\r\n" + hidden)
    yield Bad("length-and-chunked", [both, "half"], ANYTHING)
    for coding in (
        "xchunked",
        "chunked, identity",
        "identity",
        "gzip, chunked",
        "chunked\x0b",
        "chunked, chunked",
        "\xff",
    ):
        smuggled = post(SITE + "/x", f"Transfer-Encoding: {coding}", body=b"0\r\n\r\n" + hidden)
        yield Bad(f"coding-{coding!r}", [smuggled, "half"], ANYTHING)
    chunked = "Transfer-Encoding: chunked"
    for name, body in {
        "no-number": b"ZZ\r\nhello\r\n0\r\n\r\n",
        "negative": b"-5\r\nhello\r\n0\r\n\r\n",
        "huge": b"FFFFFFFFFFFFFFFFFF\r\nhello",
        "long-line": b"5;" + b"x" * 1_000_000 + b"\r\nhello\r\n0\r\n\r\n",
        "no-end": b"5\r\nhelloXX0\r\n\r\n",
        "cut": b"5\r\nhe",
        "trailers": b"5\r\nhello\r\n0\r\nHost: listed.test\r\nX-B: c\r\n\r\n",
    }.items():
        yield Bad(f"chunks-{name}", [post(SITE + "/x", chunked, body=body), "half"], ANYTHING)
        yield Bad(
            f"chunks-{name}-blocked",
            [post(LISTED + "/x", chunked, body=body, host="listed.test:{port}"), "half"],
            NEVER_SHOWN,
        )
    form = b"q=" + "ペンギン".encode("euc_jp")
    search = post("http://find.test:{port}/search", f"Content-Length: {len(form)}", host="find.test:{port}", body=form)
    yield Bad("form-in-euc", [search], BLOCKED)
    odd = b"\xff\xfe%zz&&=&q=%E3%83&q=penguin;%00"
    search = post("http://find.test:{port}/search", f"Content-Length: {len(odd)}", host="find.test:{port}", body=odd)
    yield Bad("form-odd", [search], BLOCKED)
    short = post("http://find.test:{port}/search", "Content-Length: 500", host="find.test:{port}", body=b"q=pengu")
    yield Bad("form-cut", [short, "half"], NEVER_SHOWN)
    big = b"q=penguin&x=" + b"a" * 50_000
    search = post("http://find.test:{port}/search", f"Content-Length: {len(big)}", host="find.test:{port}", body=big)
    yield Bad("form-50k", [search], BLOCKED)
    waiting = post(LISTED + "/x", "Content-Length: 5", "Expect: 100-continue", host="listed.test:{port}")
    yield Bad("expect-100", [waiting, "half"], (100, *NEVER_SHOWN))


def _targets() -> Iterator[Bad]:
    for host in (
        "LISTED.TEST",
        "listed.test.",
        "deep.listed.test",
        "user:pass@listed.test",
        "site.test@listed.test",
        "%6cisted.test",
        "listed%2etest",
        "l\xc4\xb1sted.test",
        "\xef\xbd\x8c\xef\xbd\x89\xef\xbd\x93\xef\xbd\x94\xef\xbd\x85\xef\xbd\x84.test",
        "listed\xe3\x80\x82test",
        "lis\xc2\xadted.test",
        "listed.test\\@site.test",
        "listed.test#@site.test",
        "listed.test?@site.test",
        "[::ffff:127.0.0.1",
        "listed..test",
        "a" * 300 + ".listed.test",
    ):
        request = get(f"http://{host}:{{port}}/x", host=None)
        yield Bad(f"host-{host[:24]!r}", [request], NEVER_SHOWN)
    for path in (
        "/secret/",
        "/secret/x",
        "/%73ecret/x",
        "/%2573ecret/x",
        "/%252573ecret/x",
        "/x/../secret/x",
        "/x/%2e%2e/secret/x",
        "/x/%252e%252e/secret/x",
        "/./secret/x",
        "//secret/x",
        "/secret//x",
        "/secret%2fx",
        "/secret%5cx",
        "/secret\\x",
        "/x\\..\\secret\\x",
        "/secret/?a",
        "/secret/;a",
        "/secret/\xe3\x83\x9a\xff",
        "/secret/%zz%",
        "/secret/%00",
    ):
        yield Bad(f"path-{path!r}", [get(SITE + path)], (*BLOCKED, *BAD))
    for path in ("/se\tcret/", "/secret/a b", "/secret/\x7f", "/secret/\x00", "/secret/\x0b"):
        yield Bad(f"path-{path!r}", [get(SITE + path)], NEVER_SHOWN)
    deep = "/%" + "25" * 40 + "73ecret/"
    yield Bad("path-coded-forty-times", [get(SITE + deep)], (*BLOCKED, *BAD))
    yield Bad("path-raw-utf-8", [get(SITE + "/\xe3\x83\x9a\xe3\x83\xb3\xe3\x82\xae\xe3\x83\xb3")], (*BLOCKED, *BAD))
    yield Bad("path-not-utf-8", [get(SITE + "/%ff%fe\x80\x81")], (*SHOWN, *BAD))
    yield Bad("path-empty", [get(SITE)], SHOWN)
    yield Bad("path-fragment", [get(SITE + "/x#/secret/")], (*SHOWN, *BAD))
    yield Bad("no-host-at-all", [get("http:///listed.test/")], NEVER_SHOWN)
    yield Bad("no-slashes", [get("http:listed.test:{port}/x", host=None)], NEVER_SHOWN)


def _other_tongues() -> Iterator[Bad]:
    yield Bad("tls-hello", [bytes.fromhex("16030100c8010000c40303") + b"\x11" * 190, "half"], NEVER_SHOWN)
    yield Bad("http-2-preface", [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 9, "half"], NEVER_SHOWN)
    yield Bad("ssh", [b"SSH-2.0-OpenSSH_9.9\r\n", "half"], NEVER_SHOWN)
    yield Bad("socks", [b"\x05\x01\x00", "half"], NEVER_SHOWN)
    yield Bad("smtp", [b"EHLO listed.test\r\n", "half"], NEVER_SHOWN)
    upgrade = get(LISTED + "/x", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk", host="listed.test:{port}")
    yield Bad(
        "h2c-upgrade",
        [upgrade.replace(b"Connection: close", b"Connection: Upgrade, HTTP2-Settings"), "half"],
        NEVER_SHOWN,
    )


def _half_open() -> Iterator[Bad]:
    head = get(LISTED + "/x", host="listed.test:{port}")
    yield Bad("nothing", ["close"], (0,))
    yield Bad("nothing-half", ["half"], (0,))
    yield Bad("half-a-head-then-close", [head[:40], "close"], (0,))
    yield Bad("half-a-head-then-half", [head[:40], "half"], NEVER_SHOWN)
    yield Bad("half-a-head-then-reset", [head[:40], "reset"], (0,))
    yield Bad("half-a-head-then-silence", [head[:40]], (0,), wait=1.0)
    yield Bad("whole-head-then-reset", [head, "reset"], (0,))
    yield Bad("shown-then-reset", [get(SITE + "/x"), "reset"], (0,))
    yield Bad("byte-by-byte", [get(SITE + "/x")], SHOWN, slow=True)
    yield Bad("byte-by-byte-blocked", [head], BLOCKED, slow=True)
    yield Bad("then-half", [get(SITE + "/x"), "half"], (0, 200))
