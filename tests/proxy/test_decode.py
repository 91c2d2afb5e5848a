import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.proxy import decode
from sfs.proxy.decode import ACCEPTED, BoundedDecoder

LIMIT = 256 << 10


def raw_deflate(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(data) + engine.flush()


CODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=4),
    "zstd": zstandard.compress,
}
ALL = [
    *CODERS.items(),
    ("x-gzip", gzip.compress),
    ("deflate", raw_deflate),
    ("identity", bytes),
    ("GZIP", gzip.compress),
    ("identity, br", CODERS["br"]),
    *[(f"{a}, {b}", lambda data, a=a, b=b: CODERS[b](CODERS[a](data))) for a, b in itertools.product(CODERS, repeat=2)],
]


def chunked(data: bytes, sizes: list[int]) -> list[bytes]:
    chunks, at = [], 0
    for size in itertools.cycle(sizes):
        if at >= len(data):
            return chunks
        chunks.append(data[at : at + size])
        at += size
    return chunks


def decoded(encodings: str | None, chunks: list[bytes], limit: int = LIMIT) -> tuple[bytes, BoundedDecoder]:
    decoder = BoundedDecoder(encodings, limit)
    out = b"".join(decoder.feed(chunk) for chunk in chunks)
    return out + decoder.finish(), decoder


page = st.binary(max_size=3000) | st.builds(
    lambda data, n: data * n, st.binary(min_size=1, max_size=50), st.integers(1, 4000)
)
sizes = st.lists(st.integers(1, 5000), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(page, sizes, st.sampled_from(ALL))
def test_any_chunking_gives_the_whole_body(
    data: bytes, sizes: list[int], coder: tuple[str, Callable[[bytes], bytes]]
) -> None:
    out, decoder = decoded(coder[0], chunked(coder[1](data), sizes))
    assert out == data[:LIMIT]
    assert not decoder.broken
    assert decoder.full == (len(data) >= LIMIT)


@settings(max_examples=60, deadline=None)
@given(page, sizes, st.sampled_from(list(CODERS.items())), st.integers(0, 5000))
def test_any_chunking_of_a_body_cut_short_gives_the_same_bytes(
    data: bytes, sizes: list[int], coder: tuple[str, Callable[[bytes], bytes]], cut: int
) -> None:
    body = coder[1](data)[:cut]
    out, decoder = decoded(coder[0], chunked(body, sizes))
    assert out == decoded(coder[0], [body])[0]
    assert data.startswith(out)
    assert not decoder.broken


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.binary(max_size=300), max_size=5),
    st.sampled_from([None, *(name for name, _ in ALL)]) | st.text(max_size=20),
    st.integers(0, 400),
)
def test_any_bytes_and_header_never_raise_nor_pass_the_limit(
    chunks: list[bytes], encodings: str | None, limit: int
) -> None:
    out, decoder = decoded(encodings, chunks, limit)
    assert len(out) <= limit
    assert decoder.full == (len(out) == limit)


@settings(max_examples=150, deadline=None)
@given(
    page, sizes, st.sampled_from(list(CODERS.items())), st.integers(0, 3000), st.integers(1, 255), st.integers(0, 9999)
)
def test_damaged_bytes_never_raise_nor_pass_the_limit(
    data: bytes, sizes: list[int], coder: tuple[str, Callable[[bytes], bytes]], at: int, flip: int, limit: int
) -> None:
    body = bytearray(coder[1](data))
    body[at % len(body)] ^= flip
    out, _ = decoded(coder[0], chunked(bytes(body), sizes), limit)
    assert len(out) <= limit


def bomb(encoding: str, megabytes: int = 64) -> bytes:
    data = bytes(megabytes << 20)
    for name in encoding.split(", "):
        data = raw_deflate(data) if name == "raw" else CODERS[name](data)
    return data


@pytest.mark.parametrize(
    "encoding", ["gzip", "deflate", "raw", "br", "zstd", "gzip, br", "br, gzip", "zstd, zstd", "br, br"]
)
@pytest.mark.parametrize("chunk", [1000, 64 << 10])
def test_a_bomb_costs_no_more_memory_than_about_the_limit(encoding: str, chunk: int) -> None:
    chunks = chunked(bomb(encoding), [chunk])
    decoder = BoundedDecoder("deflate" if encoding == "raw" else encoding, LIMIT)
    tracemalloc.start()
    try:
        out = b"".join(decoder.feed(chunk) for chunk in chunks)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert out == bytes(LIMIT)
    assert decoder.full
    assert not decoder.broken
    assert peak < 4 * LIMIT  # an engine's block, the list of parts, their join
    assert not decoder._engines  # windows are not counted by tracemalloc: they are gone with the engines


def test_after_the_limit_input_is_not_looked_at() -> None:
    decoder = BoundedDecoder("gzip", 10)
    assert decoder.feed(gzip.compress(b"a" * 100)) == b"a" * 10
    assert decoder.feed(b"not gzip at all") == b""
    assert decoder.full
    assert not decoder.broken


def test_gzip_members_are_one_body_and_what_follows_them_is_ignored() -> None:
    body = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0\0\0 rubbish"
    for size in (1, 2, 7, 1000):
        out, decoder = decoded("gzip", chunked(body, [size]))
        assert (out, decoder.broken) == (b"one two", False)


def test_endless_empty_members_are_not_followed() -> None:
    body = gzip.compress(b"") * (decode.MAX_MEMBERS - 1) + gzip.compress(b"last") + gzip.compress(b"beyond")
    assert decoded("gzip", [body])[0] == b"last"


def test_zstd_frames_are_one_body() -> None:
    body = zstandard.compress(b"one ") + zstandard.compress(b"two")
    assert decoded("zstd", chunked(body, [5]))[0] == b"one two"


def test_a_zstd_window_above_8_mb_is_broken() -> None:
    # Magic, descriptor without single segment, window log 10 + 20: 1 GB. RFC 8878 3.1.1.1.2.
    out, decoder = decoded("zstd", [bytes.fromhex("28b52ffd 00 a0") + b"\x2b\0\0" + bytes(64)])
    assert decoder.broken
    assert out == b""


@pytest.mark.parametrize(
    ("coding", "start", "empty"),
    [
        ("deflate", b"", b"\x00\x00\x00\xff\xff"),  # a stored block of no bytes
        ("br", b"\x0c", b"\x06"),  # a metadata block of no bytes
        ("zstd", b"", b"\x50\x2a\x4d\x18" + (1000).to_bytes(4, "little") + bytes(1000)),  # a frame to skip
    ],
)
def test_input_without_end_that_yields_nothing_is_given_up(coding: str, start: bytes, empty: bytes) -> None:
    decoder = BoundedDecoder(coding, 1000)
    assert decoder.feed(start) == b""
    assert decoder.feed(empty * (32_000 // len(empty))) == b""
    assert not decoder.broken
    assert decoder.feed(empty * (64_000 // len(empty))) == b""
    assert decoder.broken


def test_padding_inside_a_second_coding_is_given_up() -> None:
    inner = b"\x00\x00\x00\xff\xff" * 10_000_000  # 50 MB of empty deflate blocks in a few KB
    decoder = BoundedDecoder("deflate, zstd", LIMIT)
    assert decoder.feed(zstandard.compress(inner)) == b""
    assert decoder.broken


def test_raw_deflate_that_looks_like_zlib_is_read_raw() -> None:
    # A stored block whose padding bits and length make a valid zlib head: 0x78 0x01 is such a pair.
    text = b"x" * 0x3401
    body = b"\x78" + len(text).to_bytes(2, "little") + (0xFFFF - len(text)).to_bytes(2, "little") + text
    assert int.from_bytes(body[:2]) % 31 == 0
    for size in (1, 100, len(body)):
        out, decoder = decoded("deflate", chunked(body, [size]))
        assert (out, decoder.broken) == (text, False)


def test_what_came_before_the_damage_is_given() -> None:
    text = bytes(range(256)) * 200
    body = gzip.compress(text, 0)
    out, decoder = decoded("gzip", [body[:40_000] + b"\xff" * 20_000])
    assert decoder.broken
    assert len(out) > 30_000
    assert text.startswith(out[:30_000])


def test_an_unknown_coding_is_broken_and_its_bytes_are_given_as_they_came() -> None:
    for header in ("compress", "none", "utf-8", "gzip, br, gzip", "x" * 1000, "gzip, foo", "ｇｚｉｐ"):
        out, decoder = decoded(header, [b"<title>", b"t</title>"], 10)
        assert decoder.broken
        assert out == b"<title>t</"


def test_no_header_is_identity() -> None:
    assert decoded(None, [b"a", b"b"])[0] == b"ab"
    assert decoded("", [b"a", b"b"])[0] == b"ab"


def test_every_accepted_coding_is_decoded() -> None:
    for name in ACCEPTED.split(", "):
        assert decoded(name, [CODERS[name](b"text")])[0] == b"text"


@given(page, sizes)
def test_a_wrong_checksum_takes_no_text_away_since_browsers_do_not_look_at_it(data, sizes):
    body = gzip.compress(data)
    text, _ = decoded("gzip", chunked(body[:-8] + bytes(byte ^ 0xFF for byte in body[-8:]), sizes))
    assert text == data
