"""The JSON API, held against its own description: every route stands in it, every real answer fits it."""

import json
from collections.abc import Iterator

import pytest

from sfs.bureau.api import Api, openapi_text
from sfs.bureau.lookups import Faults
from tests.bureau.conftest import OTHER

DOCUMENT = json.loads(openapi_text())
SERVICE = "http://www.iajapan.org/rating/"
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "null": type(None),
    "boolean": bool,
}


def misfits(value, schema: dict, place: str = "$") -> Iterator[str]:
    """Where `value` does not fit a schema; the keywords are those that openapi.json uses."""
    if "$ref" in schema:
        found = DOCUMENT
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        schema = found
    known = {"description", "format", "type", "enum", "oneOf", "required", "properties", "additionalProperties",
             "items", "minimum", "maximum", "minItems", "maxItems"}  # fmt: skip
    assert set(schema) <= known, set(schema) - known
    if "oneOf" in schema and sum(not list(misfits(value, one, place)) for one in schema["oneOf"]) != 1:
        yield f"{place} fits not exactly one"
    types = schema.get("type", list(TYPES))
    types = [types] if isinstance(types, str) else types
    if not any(isinstance(value, TYPES[one]) and not (isinstance(value, bool) and one != "boolean") for one in types):
        yield f"{place} is no {types}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{place} is none of {schema['enum']}"
    if isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"{place} is out of bounds"
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from misfits(item, schema.get("items", {}), f"{place}[{number}]")
    if isinstance(value, dict):
        yield from (f"{place}.{name} is missing" for name in schema.get("required", ()) if name not in value)
        more = schema.get("additionalProperties", True)
        for name, item in value.items():
            inner = schema.get("properties", {}).get(name, more)
            if inner is False:
                yield f"{place}.{name} is not described"
            elif isinstance(inner, dict):
                yield from misfits(item, inner, f"{place}.{name}")


def get(bureau, target: str, status: int = 200) -> dict:
    """The answer of a described path, which fits its description."""
    reply = bureau.ask(target)
    assert reply.status == status, reply.text
    described = DOCUMENT["paths"][target.partition("?")[0]]["get"]["responses"][str(status)]
    if "$ref" in described:
        described = DOCUMENT["components"]["responses"][described["$ref"].rsplit("/", 1)[1]]
    value = reply.json()
    assert list(misfits(value, described["content"]["application/json"]["schema"])) == []
    return value


def test_the_description_names_exactly_the_routes():
    routes = {route.path: sorted(route.methods - {"HEAD"}) for route in Api(None, None, Faults()).routes()}
    assert routes == {path: sorted(method.upper() for method in methods) for path, methods in DOCUMENT["paths"].items()}
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_the_checker_of_these_tests_finds_misfits():
    schema = DOCUMENT["components"]["schemas"]["Status"]
    assert list(misfits({"status": "ok", "serial": 0, "services": 1}, schema)) == []
    for wrong in ({"status": "well", "serial": 0, "services": 1}, {"status": "ok", "services": 1},
                  {"status": "ok", "serial": -1, "services": 1}, {"status": "ok", "serial": 0, "services": 1, "x": 1},
                  {"status": "ok", "serial": True, "services": 1}, []):  # fmt: skip
        assert list(misfits(wrong, schema))


def test_labels_of_urls_by_services(bureau):
    faq, none = "http%3A%2F%2Fh.example%2Fadult%2Ffaq.html", "mailto:x@example.com"
    results = get(bureau, f"/api/v1/labels?url={faq}&url={none}&url=HTTPS://H.EXAMPLE/adult/x")["results"]
    assert [(one["url"], one["service"]) for one in results[:3]] == [
        ("http://h.example/adult/faq.html", SERVICE),
        ("http://h.example/adult/faq.html", OTHER),
        ("mailto:x@example.com", SERVICE),
    ]
    assert [one["label"] and one["label"]["rating"] for one in results] == [1, None, None, None, 4, None]
    assert [one["canonical"] for one in results[2::2]] == [None, "https://h.example/adult/x"]
    assert results[4]["label"] == {
        "for": "http://h.example/adult/",
        "generic": True,
        "below": False,
        "ratings": {"lv": 4},
        "rating": 4,
        "by": "a rater",
        "on": "2026-11-01T00:00:00+00:00",
        "until": None,
        "comment": None,
    }
    only = get(bureau, f"/api/v1/labels?url={faq}&service=https://iajapan.org/rating")["results"]
    assert [one["service"] for one in only] == [SERVICE]


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("?url=", 400), ("?url=nothing", 400), ("?url=%zz", 400), ("?url=http://h/&service=http://x/", 404),
     ("?" + "&".join(["url=http://h/"] * 257), 414), ("?url=http://h/" + "&service=s" * 17, 414)],
)  # fmt: skip
def test_what_cannot_be_asked_is_told_in_json(bureau, query, status):
    answer = get(bureau, f"/api/v1/labels{query}", status)
    assert answer["error"] and answer["mend"]


def test_services_and_state(bureau):
    services = get(bureau, "/api/v1/services")["services"]
    assert [(one["uri"], one["name"], one["rat"]) for one in services] == [
        (SERVICE, "SafetyOnline2", "/services/1.rat"),
        (OTHER, "B", "/services/2.rat"),
    ]
    state = get(bureau, "/api/v1/status")
    assert (state["status"], state["services"]) == ("ok", 2) and state["serial"] >= 5
    assert get(bureau, "/api/v1/openapi.json") == DOCUMENT


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed(bureau, method):
    for path in DOCUMENT["paths"]:
        assert bureau.ask(path, method, b"{}").status == 405
