"""Two hundred downloads that go wrong: the old list holds, byte for byte, and its state names the failure."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sfs.admin.pages.lists import row_of
from sfs.lists import store
from sfs.lists.faults import KEYS
from sfs.lists.fetch import Limits
from sfs.lists.update import Options, Result, update_lists
from sfs.sources.subscriptions import ListFormat, ListSource
from sfs.text.url import parse_url
from sfs.web.texts import LANGUAGES, texts_for
from tests.compiled import current
from tests.lists.mirror import Answer, Mirror, drip, page, raw, serving

NAMES = [f"name{number}.example" for number in range(1000)]
GOOD = "".join(f"{name}\n" for name in NAMES).encode()
BETTER = GOOD + b"one.more.example\n"
LIMITS = Limits(size=2_000_000, connect=5, read=0.5, total=0.5)
PATIENT = Limits(size=2_000_000, connect=10, read=20, total=30)


@dataclass(frozen=True)
class Case:
    """`answer` of the server; `reason` that the state then gives, one of several where a cut may show in two ways.
    `slow`: the server never ends by itself."""

    name: str
    answer: Answer
    reasons: tuple[str, ...]
    slow: bool = False


def head(length: int | None, *more: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", *more, *([] if length is None else [f"Content-Length: {length}"])]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def targz(body: bytes = BETTER, name: str = "lists/names.txt", damage: int | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(body)
        archive.addfile(info, io.BytesIO(body))
    data = bytearray(out.getvalue())
    if damage is not None:
        data[damage % len(data)] ^= 0xFF
    return bytes(data)


def zipped(body: bytes = BETTER) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("list.txt", body)
    return out.getvalue()


def cut() -> Iterator[Case]:
    """Less than was promised."""
    for share in range(0, 100, 5):
        part = BETTER[: len(BETTER) * share // 100]
        yield Case(f"length promised, {share}% came", raw(head(len(BETTER)) + part), ("cut",))
    for share in (10, 50, 90):
        part = BETTER[: len(BETTER) * share // 100]
        yield Case(f"reset after {share}%", raw(head(len(BETTER)) + part, reset=True), ("cut",))
        chunk = b"%x\r\n%b\r\n" % (len(part), part)
        yield Case(f"no last chunk after {share}%", raw(head(None, "Transfer-Encoding: chunked") + chunk), ("cut",))
        half = b"%x\r\n%b" % (len(BETTER), part)
        yield Case(f"half a chunk, {share}%", raw(head(None, "Transfer-Encoding: chunked") + half), ("cut",))
        packed = gzip.compress(BETTER)
        packed = packed[: len(packed) * share // 100]
        yield Case(f"gzip on the way cut at {share}%", page(packed, "Content-Encoding: gzip"), ("cut",))
        packed = zlib.compress(BETTER)
        packed = packed[: len(packed) * share // 100]
        yield Case(f"deflate on the way cut at {share}%", page(packed, "Content-Encoding: deflate"), ("cut",))
    # No length at all: the end of the connection is the end of the list. What gives it away is the half line, or
    # that most names are gone.
    for share in (3, 17, 31, 45, 55, 63, 71, 83, 97):
        end = len(GOOD) * share // 100
        end -= GOOD[end - 1 : end] == b"\n"
        yield Case(f"no length, {share}% came", raw(head(None) + GOOD[:end]), ("cut", "shrunk"))
    for length in (0, 1, 100, 5000, 8000):
        lying = raw(head(length) + BETTER)
        yield Case(f"a length of {length} that is too short", lying, ("cut", "shrunk", "empty", "format"))


def not_http() -> Iterator[Case]:
    """No answer, or no HTTP."""
    yield Case("closed at once", raw(b""), ("cut",))
    yield Case("reset at once", raw(b"", reset=True), ("cut",))
    yield Case("not HTTP", raw(b"SSH-2.0-OpenSSH_9.2\r\n"), ("cut",))
    yield Case("HTTP/9", raw(b"HTTP/9.9 200 OK\r\n\r\n" + BETTER), ("cut",))
    yield Case("no status", raw(b"HTTP/1.1 \r\n\r\n"), ("cut",))
    yield Case("a status that is no number", raw(b"HTTP/1.1 abc OK\r\n\r\n"), ("cut",))
    yield Case("a header without an end", raw(b"HTTP/1.1 200 OK\r\nX-A: b\r\n"), ("cut", "empty"))
    yield Case("a header line of 100 kB", raw(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"), ("cut",))
    many = b"".join(b"X-%d: a\r\n" % number for number in range(5000))
    yield Case("5,000 header lines", raw(b"HTTP/1.1 200 OK\r\n" + many + b"\r\n"), ("cut",))
    yield Case("chunk sizes that are none", raw(head(None, "Transfer-Encoding: chunked") + b"zz\r\nab\r\n"), ("cut",))
    yield Case("a negative chunk", raw(head(None, "Transfer-Encoding: chunked") + b"-5\r\nab\r\n"), ("cut",))
    yield Case("a chunk of a petabyte", raw(head(None, "Transfer-Encoding: chunked") + b"f" * 15 + b"\r\nab"), ("cut",))


def statuses() -> Iterator[Case]:
    """Other answers than 200."""
    for status in (
        *("201 Created", "202 Accepted", "203 Elsewhere", "204 No Content", "206 Partial Content", "300 Choices"),
        *("400 Bad Request", "401 Unauthorized", "402 Payment Required", "403 Forbidden", "404 Not Found", "410 Gone"),
        *("407 Proxy", "408 Timeout", "418 Teapot", "429 Too Many Requests", "451 Unavailable For Legal Reasons"),
        *("500 Error", "502 Bad Gateway", "503 Unavailable", "504 Timeout", "521 Down", "599 Odd"),
    ):
        body = b"" if status.startswith("204") else BETTER
        yield Case(status, page(body, status=status), ("http",))


def redirects() -> Iterator[Case]:
    """Sent on without an end, or to where no list may come from."""
    for status in ("301 Moved", "302 Found", "303 Other", "307 Temporary", "308 Permanent"):
        yield Case(f"{status} to itself", page(b"", "Location: /broken", status=status), ("redirect",))
    for number, target in enumerate(
        (
            *(
                "/hop/0",
                "ftp://example.com/list",
                "file:///etc/hosts",
                "javascript:alert(1)",
                "//",
                "http://",
                "data:,a",
            ),
            *("http://[::1", "http://exa mple.com/", "https://", "gopher://example.com/", "http://:80/", "a" * 5000),
        )
    ):
        yield Case(f"sent on, {number}", page(b"", f"Location: {target}", status="302 Found"), ("redirect",))
    yield Case("sent on to nowhere", page(b"", status="302 Found"), ("redirect",))
    yield Case(
        "sent on to what is closed", page(b"", "Location: http://127.0.0.1:1/", status="302 Found"), ("network",)
    )
    yield Case("sent on to a cloud", page(b"", "Location: http://169.254.169.254/", status="302 Found"), ("near",))


def pages() -> Iterator[Case]:
    """A web page where a list should be."""
    html = "<html><head><title>Login</title></head><body>" + "<p>Please log in.</p>\n" * 40 + "</body></html>"
    for start in ("<!DOCTYPE html>\n", "", "  \n\t", "\ufeff", "\ufeff\n<!doctype HTML>", '<?xml version="1.0"?>\n'):
        for kind in ("text/html", "text/plain"):
            body = (start + html).encode()
            yield Case(f"HTML as {kind} after {start!r}", page(body, f"Content-Type: {kind}"), ("html",))
    upper = html.upper().encode()
    yield Case("HTML in capitals", page(upper), ("html",))
    yield Case("HTML, packed", page(gzip.compress(html.encode())), ("html",))
    yield Case("HTML, packed on the way", page(gzip.compress(html.encode()), "Content-Encoding: gzip"), ("html",))
    yield Case("HTML in a tar", page(targz(html.encode())), ("html", "format"))
    yield Case("HTML after a comment", page(("<!-- cached -->\n" + html).encode()), ("html", "format"))
    yield Case("JSON", page(b'{"error": "rate limit", "n": [' + b'"a b c",\n' * 100 + b'""]}'), ("format",))


def charsets() -> Iterator[Case]:
    """Not UTF-8."""
    text = "".join(f"名前{number}.example\n" for number in range(500))
    for charset in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "shift_jis", "euc_jp", "iso2022_jp"):
        yield Case(charset, page(text.encode(charset)), ("format",))
    for charset in ("utf-16", "utf-16-le", "utf-32", "cp037"):
        yield Case(f"plain names in {charset}", page(GOOD.decode().encode(charset)), ("format",))


def smaller() -> Iterator[Case]:
    """Most names are gone."""
    for left in (1, 2, 10, 100, 250, 400, 499):
        yield Case(f"{left} names left", page("".join(f"{n}\n" for n in NAMES[:left]).encode()), ("shrunk",))
    yield Case(
        "ten times smaller, packed", page(targz(b"".join(b"a%d.example\n" % n for n in range(100)))), ("shrunk",)
    )
    yield Case("one name, very often", page(b"name1.example\n" * 5000), ("shrunk",))
    yield Case("nothing", page(b""), ("empty",))
    yield Case("a line break", page(b"\n"), ("empty",))
    yield Case("comments alone", page(b"# nothing today\n" * 50), ("empty",))
    yield Case("blanks alone", page(b" \t\r\n" * 500), ("empty",))
    yield Case("an empty list, packed", page(gzip.compress(b"")), ("empty", "packed"))
    yield Case("an empty list, packed on the way", page(gzip.compress(b""), "Content-Encoding: gzip"), ("empty",))


def formats() -> Iterator[Case]:
    """Another format, or none."""
    lines = [f"name{number}.example" for number in range(1000)]
    for name, line in {
        "hosts": "0.0.0.0 {}",
        "adblock": "||{}^",
        "dnsmasq": "address=/{}/0.0.0.0",
        "rpz": "{} CNAME .",
        "csv": "2026-01-01,{},malware",
        "urls": "http://{}/a/b",
        "json lines": '{{"host": "{}"}}',
        "expressions": "/^{}$/",
        "prose": "the site {} is bad",
        "addresses with a mask": "192.0.2.0/24 # {}",
        "options": "option domain '{}'",
        "a shell script": "echo {} >> list",
    }.items():
        yield Case(f"in the format {name}", page("".join(line.format(n) + "\n" for n in lines).encode()), ("format",))
    generator = random.Random(7)
    for number in range(6):
        noise = generator.randbytes(20_000)
        yield Case(f"noise {number}", page(noise), ("format", "packed"))
    yield Case("zeros", page(bytes(50_000)), ("format",))
    yield Case("one endless line", page(b"a" * 1_000_000), ("format", "empty"))
    yield Case("a picture", page(b"\x89PNG\r\n\x1a\n" + generator.randbytes(9000)), ("format",))
    yield Case("a program", page(b"\x7fELF\x02\x01\x01" + bytes(200) + generator.randbytes(9000)), ("format",))
    yield Case("a PDF", page(b"%PDF-1.7\n" + generator.randbytes(9000)), ("format",))
    half = b"".join(b"name%d.example\nnot a name at all\n" % number for number in range(500))
    yield Case("every second line bad", page(half), ("format",))


def archives() -> Iterator[Case]:
    """Packed, and damaged."""
    packed = {
        "tar.gz": targz(),
        "gz": gzip.compress(BETTER),
        "xz": lzma.compress(BETTER),
        "bz2": bz2.compress(BETTER),
        "zip": zipped(),
    }
    for name, data in packed.items():
        for share in (20, 60, 95):
            yield Case(f"{name} cut at {share}%", page(data[: len(data) * share // 100]), ("packed", "format"))
        middle = bytearray(data)
        for place in range(len(middle) // 2, len(middle) // 2 + 20):
            middle[place] ^= 0x5A
        yield Case(f"{name} damaged in the middle", page(bytes(middle)), ("packed", "format"))
        yield Case(f"{name}: the first bytes alone", page(data[:6]), ("packed", "format"))
    yield Case("a tar without a list", page(targz(b"x" * 600, "picture.png")), ("packed", "format", "empty"))
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz"):
        pass
    yield Case("a tar with nothing in it", page(out.getvalue()), ("packed", "format", "empty"))


def bombs() -> Iterator[Case]:
    """More than anybody wants."""
    zeros = gzip.compress(bytes(40_000_000))
    names = gzip.compress(b"name.example\n" * 3_000_000)
    yield Case("a bomb on the way", page(zeros, "Content-Encoding: gzip"), ("large",))
    yield Case("a bomb of names on the way", page(names, "Content-Encoding: gzip"), ("large",))
    deflated = zlib.compress(bytes(40_000_000))
    yield Case("a bomb of deflate", page(deflated, "Content-Encoding: deflate"), ("large",))
    yield Case("a bomb in the file", page(zeros), ("packed", "format"))
    yield Case("a bomb in a bomb", page(gzip.compress(zeros)), ("packed", "format"))
    yield Case("a terabyte is promised", raw(head(10**12) + BETTER), ("large",))
    yield Case("larger than the bound", page(b"a.example\n" * 300_000), ("large",))
    chunk = b"%x\r\n%b\r\n" % (1_000_000, b"a.example\n" * 100_000)
    yield Case("chunks without an end", raw(head(None, "Transfer-Encoding: chunked") + chunk * 5), ("large",))


def codings() -> Iterator[Case]:
    """Packed on the way in a manner nobody asked for, or not packed at all."""
    for coding in ("br", "zstd", "compress", "gzip, gzip", "x-odd", "aes128gcm"):
        yield Case(f"coding {coding}", page(BETTER, f"Content-Encoding: {coding}"), ("encoding",))
    for coding in ("gzip", "x-gzip", "deflate"):
        yield Case(f"called {coding}, and is not", page(BETTER, f"Content-Encoding: {coding}"), ("encoding",))
    damaged = bytearray(gzip.compress(BETTER))
    damaged[len(damaged) // 2] ^= 0xFF
    yield Case("gzip damaged on the way", page(bytes(damaged), "Content-Encoding: gzip"), ("encoding", "cut"))
    tail = gzip.compress(BETTER) + b"garbage"
    yield Case("garbage behind gzip", page(tail, "Content-Encoding: gzip"), ("encoding",))


def slow() -> Iterator[Case]:
    """A byte now and then."""
    yield Case("a slow body", drip(head(1_000_000)), ("timeout",), slow=True)
    yield Case("a slow body without length", drip(head(None)), ("timeout",), slow=True)
    chunked = head(None, "Transfer-Encoding: chunked")
    yield Case("slow chunks", drip(chunked, b"1\r\na\r\n"), ("timeout",), slow=True)
    yield Case("a slow chunk size", drip(chunked, b"0"), ("timeout", "cut"), slow=True)
    yield Case("a slow head", drip(b"HTTP/1.1 200 OK\r\nX-A: "), ("timeout",), slow=True)
    yield Case("slow head lines", drip(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", 0.05), ("timeout", "cut"), slow=True)
    yield Case("a slow status", drip(b"HTTP/1.1 2"), ("timeout",), slow=True)
    yield Case("silence", drip(b"", b""), ("timeout",), slow=True)
    yield Case("silence after the head", drip(head(100), b""), ("timeout",), slow=True)
    packed = head(None, "Content-Encoding: gzip") + gzip.compress(BETTER)[:10]
    yield Case("slow gzip", drip(packed, b"\0"), ("timeout", "encoding", "cut"), slow=True)


GROUPS = (cut, not_http, statuses, redirects, pages, charsets, smaller, formats, archives, bombs, codings, slow)
CASES = [case for group in GROUPS for case in group()]


@pytest.fixture(scope="module")
def mirror():
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def house(mirror: Mirror, tmp_path_factory):
    """A state folder with the good list in it, and the list."""
    state = tmp_path_factory.mktemp("state")
    source = ListSource("names", None, mirror.url("/broken"), ListFormat.PLAIN, category="porn", rating=4)
    mirror.answers["/broken"] = page(GOOD)
    for number in range(20):
        mirror.answers[f"/hop/{number}"] = page(b"", f"Location: /hop/{number + 1}", status="302 Found")
    [outcome] = update_lists([source], state)
    assert outcome.result is Result.NEW
    return state, source


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("V-*/*")}


def test_there_are_two_hundred_of_them():
    assert len(CASES) >= 200
    assert len({case.name for case in CASES}) == len(CASES)
    assert {reason for case in CASES for reason in case.reasons} <= set(KEYS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_old_list_holds_and_the_failure_is_named(case: Case, mirror: Mirror, house):
    state_dir, source = house
    before = snapshot(state_dir)
    mirror.answers["/broken"] = case.answer
    [outcome] = update_lists([source], state_dir, Options(limits=LIMITS if case.slow else PATIENT))
    assert outcome.result is Result.FAILED
    assert snapshot(state_dir) == before
    state = store.load_state(state_dir, "names")
    assert state is not None
    assert state.reason in case.reasons, state.failure
    assert state.failure and state.failed is not None and state.tries >= 1
    assert_the_page_names_it(state)
    assert state.version is not None and state.count == len(NAMES)
    file = current(state_dir, "names")
    assert file is not None
    assert len(file.index) == len(NAMES)
    assert file.index.match(parse_url("http://www.name7.example/"))
    assert sorted(path.name for path in store.list_dir(state_dir, "names").iterdir()) == [
        "V-" + state.version[2:],
        "state.json",
    ]


def assert_the_page_names_it(state: store.ListState) -> None:
    """The page of the lists says what went wrong in a sentence of its own, and that the old list holds."""
    for language in LANGUAGES:
        texts = texts_for(language)
        row = row_of(state, 2, datetime.now(UTC), texts)
        assert row.fault == texts.text(f"list_faults.{state.reason}")
        assert row.failed and row.holds


def test_after_all_of_it_a_good_list_comes_into_force(mirror: Mirror, house):
    state_dir, source = house
    mirror.answers["/broken"] = page(BETTER)
    [outcome] = update_lists([source], state_dir)
    assert (outcome.result, outcome.added, outcome.removed) == (Result.CHANGED, 1, 0)
    assert (outcome.state.failure, outcome.state.tries) == (None, 0)
