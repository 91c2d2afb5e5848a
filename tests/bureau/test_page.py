"""The page for people, and what else is served beside queries."""

import asyncio
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from sfs.bureau.app import App
from sfs.bureau.counts import Counts
from sfs.bureau.desk import REFRESH, Desk, Hosted
from sfs.bureau.lookups import Faults, LookUps
from sfs.bureau.page import Found, bureau_page
from sfs.pics.safetyonline import SERVICE
from sfs.pics.stored import StoredLabel, StoredService
from sfs.sources.labels import LabelStore
from tests.bureau.conftest import RAT
from tests.bureau.running import Bureau
from tests.e2e import axe
from tests.e2e.browser import Reader, chromium, missing

ROOT = Path(__file__).parents[2]
EVIL = '<script>alert("x")</script>{{ 7 * 7 }}\u202e'


@pytest.mark.parametrize("path", ["/", "/ratings", "/bureau", "/rating/"])
@pytest.mark.parametrize(("language", "title"), [("en", "Label bureau"), ("ja", "ラベルビューロ")])
def test_without_a_query_people_get_a_page_in_their_language(bureau, path, language, title):
    reply = bureau.ask(path, accept_language=language)
    assert (reply.status, reply.type) == (200, "text/html")
    assert f"<h1>{title}</h1>" in reply.text and f'lang="{language}"' in reply.text
    assert reply.headers["vary"] == "Accept-Language" and reply.headers["content-language"] == language
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert "src=" not in reply.text and "http-equiv" not in reply.text  # nothing is loaded from anywhere
    assert SERVICE in reply.text and "/services/2.rat" in reply.text


def test_a_person_looks_a_page_up(bureau):
    reply = bureau.ask("/look-up", "POST", b"url=https%3A%2F%2Fh.example%2Fadult%2Fx")
    assert reply.status == 200
    assert "adults, very strong content" in reply.text and "http://h.example/adult/" in reply.text
    assert "Nobody has rated this page yet." in reply.text  # by the other service
    assert "http://h.example/" in bureau.ask("/look-up", "POST", b"url=h.example").text  # as people write it
    for nothing in (b"url=mailto:x@example.com", b"url=http://none.example/"):
        assert bureau.ask("/look-up", "POST", nothing).text.count("Nobody has rated this page yet.") == 2


@pytest.mark.parametrize("body", [b"", b"url=", b"url=%", b"url=nothing", b"x=1", b"\xff", b"url=" + b"a" * 100_000])
def test_what_is_no_address_is_said_to_be_none(bureau, body):
    reply = bureau.ask("/look-up", "POST", body)
    assert reply.status == 422 and "This is not an address of a page." in reply.text


def test_whatever_was_typed_or_stored_is_shown_as_text():
    service = StoredService("http://s.example/", EVIL, None, 1)
    label = StoredLabel(service.uri, f"http://h.example/{EVIL}", (("lv", 1.0),), by=EVIL, comment=EVIL)
    page = bureau_page("en", Hosted.of([service]), Found(f"http://h.example/{EVIL}", [label]), typed=EVIL)
    text = page.body.decode()
    assert "<script" not in text and "\u202e" not in text and "49" not in text
    assert text.count("&lt;script&gt;") >= 6


def test_a_new_service_is_known_to_whoever_asks_first(filled):
    store, now = LabelStore.open(filled), [0.0]
    faults = Faults()
    desk = Desk(store, faults, lambda: now[0])

    async def asked(path: str, query: bytes = b"") -> tuple[int, bytes]:
        look_ups = LookUps(desk.answers)
        app = App(desk, look_ups, Counts(lambda: 0, lambda: 0), faults)
        look_ups.start()
        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": []}
        await app(scope, None, send)
        assert look_ups.stop()
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)

    try:
        for number, (path, query) in enumerate(
            [("/ratings", b""), ("/api/v1/services", b""), ("/new3", b"u=http://h.example/"), ("/new4", b"")]
        ):
            uri = f"http://n.example/new{number + 1}"
            store.add_service(uri)
            now[0] += REFRESH
            status, body = asyncio.run(asked(path, query))
            assert status == 200 and uri.encode() in body
    finally:
        store.close()


def test_descriptions_of_services_are_served_as_stored(bureau):
    stored = bureau.ask("/services/2.rat")
    assert (stored.status, stored.type, stored.text) == (200, "application/pics-service", RAT)
    ours = bureau.ask("/services/1.rat")
    assert (ours.status, ours.type) == (200, "application/pics-service")
    assert ours.body == (ROOT / "rules/ratings/SafetyOnline2.rat").read_bytes() == bureau.ask("/SafetyOnline2.rat").body
    assert [bureau.ask(f"/services/{name}.rat").status for name in ("0", "3", "-1", "x", "9" * 400)] == [404] * 5


@pytest.mark.browser
def test_the_page_keeps_nobody_out(filled, tmp_path):
    if reason := missing() or axe.missing():
        pytest.skip(reason)
    (tmp_path / "home").mkdir()
    with Bureau(filled) as running, sync_playwright() as play, chromium(play, tmp_path / "home") as browser:
        for language, locale in (("en", "en-US"), ("ja", "ja-JP")):
            with Reader(browser, None, locale) as reader:
                address = f"http://127.0.0.1:{running.port}"
                assert reader.open(f"{address}/ratings").status == 200
                assert axe.judge(reader.page, language, "bureau") == []
                reader.page.fill("#url", "https://h.example/adult/x")
                reader.page.click("button")
                assert "http://h.example/adult/" in (reader.page.text_content("#text") or "")
                assert axe.judge(reader.page, language, "bureau-found") == []
