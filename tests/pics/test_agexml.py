"""age-de.xml: the format of a stranger's file, and that nothing in it can hurt."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.pics.agexml import MAX_SIZE, parse_age_xml

VECTORS = Path(__file__).parents[1] / "vectors" / "pics" / "selflabels"
FILES = sorted(VECTORS.glob("*.xml"))


def age_file(labels: str, default: str = "<default-age>0</default-age>") -> bytes:
    return (
        f"<age-declaration><ageblock-labeltype>{default}</ageblock-labeltype><ageblock-labeltype-definition>"
        f"<labeltype-xmlfile>{labels}</labeltype-xmlfile></ageblock-labeltype-definition></age-declaration>"
    ).encode()


def label(scope: str, age: int, kind: str = "a") -> str:
    return f'<label class="{kind}"><age>{age}</age><scope>{scope}</scope></label>'


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_hosts_have_the_ratings_of_the_vector(path: Path) -> None:
    for host, rating in json.loads(path.with_suffix(".json").read_text("utf-8"))["hosts"].items():
        assert parse_age_xml(path.read_bytes(), host) == rating


def test_the_most_specific_scope_decides() -> None:
    labels = (
        label("*.example", 18) + label("*.h.example", 12) + label("www.h.example", 6) + label("*.h.example/x/*", 18)
    )
    hosts = ("www.h.example", "a.h.example", "a.example", "h.example", "example", "xh.example")
    assert [parse_age_xml(age_file(labels), host) for host in hosts] == [1, 2, 3, 3, 0, 3]


def test_of_equal_scopes_the_stricter_age_holds() -> None:
    assert parse_age_xml(age_file(label("h.example", 6) + label("http://h.example/*", 18)), "h.example") == 3


def test_defaults_stand_in_for_an_age() -> None:
    own = '<label class="a"><default-age>16</default-age><scope>h.example</scope></label>'
    default = '<label class="default"><default-age>6</default-age></label>'
    assert parse_age_xml(age_file(own + default), "h.example") == 2
    assert parse_age_xml(age_file(own + default), "www.h.example") == 1
    assert parse_age_xml(age_file(own), "www.h.example") == 0
    assert parse_age_xml(age_file(own, ""), "www.h.example") is None
    assert parse_age_xml(age_file("<label><age>old</age><scope>h.example</scope></label>", ""), "h.example") is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html><p>not found</html>",
        age_file(label("h.example", 18))[:-3],
        b"<!DOCTYPE age-declaration>" + age_file(label("h.example", 18)),
        b'<!DOCTYPE x [<!ENTITY a "18">]>' + age_file("<label><age>&a;</age><scope>h.example</scope></label>"),
        b'<?xml version="1.0" encoding="no-such-charset"?>' + age_file(label("h.example", 18)),
        b'<?xml version="1.0" encoding="shift_jis"?>' + age_file(label("h.example", 18)),
        b"<a>" * 40 + b"</a>" * 40,
        age_file(label("h.example", 18)) + b" " * MAX_SIZE,
        age_file(label("h.example", 18) * 1002),
    ],
)
def test_what_is_malformed_or_too_much_is_no_information(data: bytes) -> None:
    assert parse_age_xml(data, "h.example") is None


def test_the_same_file_is_read_in_utf_16() -> None:
    text = '<?xml version="1.0" encoding="utf-16"?>' + age_file(label("h.example", 18)).decode()
    assert parse_age_xml(text.encode("utf-16"), "h.example") == 3


_SEED = FILES[0].read_bytes()


@given(st.integers(0, len(_SEED)), st.integers(0, 9), st.binary(max_size=9), st.text(max_size=9))
def test_any_bytes_give_a_rating_or_nothing(at: int, gone: int, put: bytes, host: str) -> None:
    spoiled = _SEED[:at] + put + _SEED[at + gone :]
    assert parse_age_xml(spoiled, host) in (None, 0, 1, 2, 3)
    assert parse_age_xml(spoiled, "www.h.example") in (None, 0, 1, 2, 3)
