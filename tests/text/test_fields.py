"""Fields of queries, forms and JSON."""

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.text.fields import MAX_FORM, MAX_PAIRS, Fields

JSON = "application/json"
PARTS = "multipart/form-data; boundary=x"
names = st.text("abcdef_", min_size=1, max_size=6)
values = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=12)


def fields(form: bytes, kind: str = "", query: bytes = b"") -> dict[str, list[bytes]]:
    return Fields(query, form, kind).pairs()


@given(st.lists(st.tuples(names, values), max_size=6))
def test_one_meaning_in_four_kinds_of_bodies(pairs: list[tuple[str, str]]) -> None:
    wanted: dict[str, list[bytes]] = {}
    for name, value in pairs:
        wanted.setdefault(name, []).append(value.encode())
    parts = "".join(f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in pairs)
    if "--x" not in "".join(value for _, value in pairs):
        _has(fields(parts.encode() + b"--x--\r\n", PARTS), wanted)
    _has(fields(json.dumps([{name: value} for name, value in pairs]).encode(), JSON), wanted)
    _has(fields(urlencode(pairs).encode()), wanted)
    _has(fields("".join(f"{n}={v}\r\n" for n, v in pairs).encode(), "text/plain"), wanted)


def _has(found: dict[str, list[bytes]], wanted: dict[str, list[bytes]]) -> None:
    assert {
        name: [value for value in values if value not in found.get(name, [])] for name, values in wanted.items()
    } == {name: [] for name in wanted}


@pytest.mark.parametrize(
    ("form", "kind", "wanted"),
    [
        (b'{"a": {"b": [{"Q": "x"}, {"q": 1.5}]}, "c": [true, null, "y"]}', JSON, {"q": [b"x", b"1.5"], "c": [b"y"]}),
        (b'{"variables": "{\\"q\\": \\"x\\"}"}', JSON, {"q": [b"x"]}),
        (b'\xef\xbb\xbf {"q": "x"}\n{"q": "y"}', JSON, {"q": [b"x"]}),
        (b'{"q": "x"}', "application/x-www-form-urlencoded", {"q": [b"x"]}),
        (b"variables=%7B%22q%22%3A%22x%22%7D", "", {"q": [b"x"]}),
        (b"q=a+b", "text/plain", {"q": [b"a b", b"a+b"]}),
        (b"{", JSON, {}),
        (b"[" * 60_000, JSON, {}),
        (b'{"q": ' + b"9" * 5000 + b"}", JSON, {}),
        (b"", JSON, {}),
        (b"q=x", "multipart/form-data", {}),
        (b'--x\r\nContent-Disposition: form-data; name="q"; filename="a"\r\n\r\nzoo\r\n--x--', PARTS, {}),
        (b'--x\r\ncontent-disposition: form-data; filename="name=q"; name="f"\r\n\r\nzoo\r\n--x--', PARTS, {}),
        (b'--x\r\ncontent-disposition: form-data; name="q"\r\n\r\ncut sh', PARTS, {"q": [b"cut sh"]}),
    ],
)
def test_a_body(form: bytes, kind: str, wanted: dict[str, list[bytes]]) -> None:
    found = fields(form, kind)
    assert {name: found[name] for name in found if name in ("q", "c")} == wanted


def test_bodies_are_bounded() -> None:
    many = "&".join(f"q={number}" for number in range(MAX_PAIRS * 4)).encode()
    assert len(fields(many)["q"]) <= MAX_PAIRS
    assert len(fields(json.dumps([{"q": n} for n in range(MAX_PAIRS * 4)]).encode(), JSON)["q"]) <= MAX_PAIRS
    parts = b'--x\r\nContent-Disposition: form-data; name="q"\r\n\r\na\r\n' * (MAX_PAIRS * 4)
    assert len(fields(parts, PARTS)["q"]) <= MAX_PAIRS
    assert len(fields(b"q=" + b"a" * MAX_FORM * 2)["q"][0]) < MAX_FORM
    nested = json.dumps({"a": json.dumps({"a": json.dumps({"a": json.dumps({"q": "x"})})})}).encode()
    assert fields(nested, JSON)["q"] == [b"x"]


@given(
    st.binary(max_size=200), st.text(max_size=40) | st.sampled_from([JSON, PARTS, "text/plain"]), st.binary(max_size=60)
)
def test_any_bytes_have_fields_or_none(form: bytes, kind: str, query: bytes) -> None:
    assert all(isinstance(value, bytes) for values in fields(form, kind, query).values() for value in values)
