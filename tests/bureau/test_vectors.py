"""The queries of our reference on PICS, section 7.4, over real HTTP: tests/vectors/pics/bureau."""

import json
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sfs.pics.labels import LabelTree, PicsLabel, ServiceInfo, parse_label_list
from sfs.pics.options import NO_OPTIONS, Options
from tests.bureau.conftest import VECTORS
from tests.bureau.running import Reply

ROWS = json.loads((VECTORS / "queries.json").read_text())
CASES = [(row, request) for row in ROWS for request in row["requests"]]


def sent(bureau, request: dict) -> Reply:
    text = request.get("get", request.get("post"))
    if "times" in request:
        text = "&".join([*[text] * request["times"], request["and"]])
    if "post" in request:
        return bureau.ask("/bureau", "POST", text.encode())
    return bureau.ask(f"/bureau?{text}" if text else "/bureau")


def bare(options: Options, *, in_tree: bool) -> Options:
    """`for` and `generic` alone; `for` only where it must stand."""
    for_ = options.for_ if options.generic or in_tree else None
    return replace(NO_OPTIONS, for_=for_, generic=options.generic or None)


def plain(item):
    if isinstance(item, PicsLabel):
        return replace(item, options=bare(item.options, in_tree=False))
    if isinstance(item, LabelTree):
        labels = (replace(one, options=bare(one.options, in_tree=True)) for one in item.labels)
        return frozenset(labels)  # in any order
    return item


def meaning(text: str) -> list[ServiceInfo]:
    services = parse_label_list(text, answer=True).services
    return [replace(one, labels=tuple(map(plain, one.labels))) for one in services]


@pytest.mark.parametrize(("row", "request_"), CASES, ids=[row["id"] for row, _ in CASES])
def test_the_answer_is_the_one_of_the_reference(bureau, row, request_):
    reply = sent(bureau, request_)
    assert reply.status == row.get("status", 200)
    if "answer" not in row:
        assert reply.type == row.get("type", "text/plain")
        return
    assert reply.type == "application/pics-labels"
    assert meaning(reply.body.decode("ascii")) == meaning(row["answer"])
    if "says" in row:
        (label,) = parse_label_list(reply.text).services[0].labels
        said = {"by": label.options.by, "on": label.options.on}
        assert [name for name, value in said.items() if value is not None] == row["says"]


def test_every_row_of_the_reference_is_here():
    assert {row["id"][:3] for row in ROWS} == {f"B{number:02}" for number in range(1, 31)}


PIECES = [
    *(b"u=", b"s=", b"opt=", b"format=", b"&", b'"', b"%22", b"%25", b"+", b"\xff", b"%C3%A9", b"generic", b"tree"),
    *(b"http://h.example/adult/", b"http%3A%2F%2Fh.example%2F", b"http://www.iajapan.org/rating/", b"minimal"),
]
query_bytes = st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PIECES), max_size=16).map(b"".join))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query_bytes, st.booleans())
def test_any_bytes_get_labels_or_words(bureau, data, post):
    target = "/ratings" if post else "/ratings?" + quote(data, safe="&=%+\"':/")
    reply = bureau.ask(target, "POST", data) if post else bureau.ask(target)
    assert reply.status in (200, 400, 413, 414)
    if reply.status != 200:
        assert reply.type == "text/plain" and "mend: " in reply.text
    elif reply.type == "text/html":
        assert not post and not data
    else:
        urls = sum(field.startswith(b"u=") for field in data.split(b"&"))
        for service in parse_label_list(reply.body.decode("ascii"), answer=True).services:
            assert service.problem is not None or len(service.labels) == urls


def test_as_much_as_may_be_asked_has_every_entry_in_its_place(bureau):
    urls = [f"http://h.example/adult/{number}" for number in range(255)] + ["http://h.example/adult/faq.html"]
    fields = [f"u={quote(url, safe='')}" for url in urls] + ["s=http://b.example/svc/", "s=http://x/"] * 8
    reply = bureau.ask("/ratings", "POST", "&".join(fields).encode())
    services = parse_label_list(reply.text, answer=True).services
    assert len(services) == 16 and all(len(one.labels) == 256 for one in services[::2])
    reply = bureau.ask("/ratings?" + "&".join(fields[:256]))
    ours, other = parse_label_list(reply.text, answer=True).services
    assert [label.ratings for label in ours.labels] == [(("lv", 4.0),)] * 255 + [(("lv", 1.0),)]
    assert [problem.args for problem in other.labels] == [(url,) for url in urls]
