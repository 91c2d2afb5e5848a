import re

import pytest
from selectolax.lexbor import LexborHTMLParser

from sfs.web.answer import PageAnswer
from sfs.web.device import DeviceState
from sfs.web.helppage import FilterState, Protection, help_page
from sfs.web.steps import DEVICES, device_steps
from sfs.web.texts import LANGUAGES, Language, texts_for

PROOF = "https://check.sfs.home.arpa/proof/0a1b-2c3d.svg"
ON = "http://sfs.home.arpa/on.svg"
each_language = pytest.mark.parametrize("language", LANGUAGES)


def tree(answer: PageAnswer) -> LexborHTMLParser:
    return LexborHTMLParser(answer.body.decode())


def pictures(answer: PageAnswer) -> list[str | None]:
    return [node.attributes["src"] for node in tree(answer).css("img")]


def allowed(answer: PageAnswer) -> list[str]:
    """The addresses from which the policy lets pictures load."""
    found = re.search(r"img-src ([^;]*)", dict(answer.headers)["Content-Security-Policy"])
    return found[1].split() if found else []


def state(through_proxy: bool = True, **more: object) -> FilterState:
    given = {"https": "auto", "certificate": True} | more
    return FilterState(through_proxy, 1, "192.0.2.1:8080", **given)  # type: ignore[arg-type]


@each_language
def test_the_certificate_is_checked_by_a_picture_with_words_in_its_place(language: Language) -> None:
    answer = help_page(language, state(device=DeviceState("auto", proof_url=PROOF)))
    (picture,) = tree(answer).css("img")
    assert picture.attributes["src"] == PROOF
    assert picture.attributes["alt"] == texts_for(language).text("help.trust_not_yet")
    assert allowed(answer) == [PROOF]


@each_language
def test_what_the_filter_knows_of_the_certificate_is_said_to_those_who_see_no_picture(language: Language) -> None:
    answer = help_page(language, state(device=DeviceState("auto", "yes", PROOF)))
    (picture,) = tree(answer).css("img")
    assert picture.attributes["aria-hidden"] == "true"
    assert texts_for(language).text("help.proof") in [node.text() for node in tree(answer).css("dd .skip")]


@each_language
def test_who_forgot_the_address_of_the_settings_finds_it_here(language: Language) -> None:
    def links(**more: object) -> list[str | None]:
        found = tree(help_page(language, state(**more))).css("section[aria-labelledby=wrong] a")
        return [node.attributes["href"] for node in found]

    assert links(settings_url="https://192.0.2.1:8081/") == ["/why", "/check", "https://192.0.2.1:8081/"]
    assert links() == ["/why", "/check"]


def test_at_the_proxys_own_port_a_second_picture_tells_whether_the_filter_is_on() -> None:
    answer = help_page("en", state(False, device=DeviceState("auto", proof_url=PROOF)))
    assert pictures(answer) == allowed(answer) == [ON, PROOF]
    assert pictures(help_page("en", state(False))) == [ON]
    assert pictures(help_page("en", state())) == []


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"https": "sni", "device": DeviceState("sni")}, "unused"),
        ({"https": "inspect", "device": DeviceState("inspect")}, "needed"),
        ({"device": DeviceState("auto", "shared", PROOF)}, "shared"),
        ({"device": DeviceState("auto", "shared")}, "shared"),
        ({"device": DeviceState("auto")}, "not_yet"),
        ({"device": DeviceState("auto", "yes")}, "proved"),
        ({"device": None}, "not_yet"),
        ({"device": None, "through_proxy": False}, "after"),
    ],
)
@each_language
def test_the_state_of_the_certificate_is_said_in_words(language: Language, more: dict[str, object], key: str) -> None:
    page = tree(help_page(language, state(**more)))  # type: ignore[arg-type]
    row = page.css(".state div")[1]
    said = (row.css_first("dd").text() + "".join(node.attributes["alt"] or "" for node in row.css("img"))).strip()
    assert texts_for(language).text(f"help.trust_{key}") in said


@pytest.mark.parametrize(
    "url", ["https://a.test/; script-src *", "javascript:alert(1)", "https://a.test/' x", "data:,a"]
)
def test_an_address_that_would_change_the_policy_is_left_out(url: str) -> None:
    answer = help_page("en", state(device=DeviceState("auto", proof_url=url)))
    assert pictures(answer) == allowed(answer) == []


def test_hosts_judged_by_name_are_counted() -> None:
    assert "by name alone: 3" in tree(help_page("en", state(device=DeviceState("auto", "yes", PROOF, 3)))).text()
    assert "by name alone: 0" not in tree(help_page("en", state(device=DeviceState("auto", "yes", PROOF)))).text()


@each_language
def test_the_readers_own_device_comes_first_and_is_open(language: Language) -> None:
    page = tree(help_page(language, state(False, system="android", firefox=True)))
    devices = page.css("section[aria-labelledby=setup] > details")
    assert [("open" in node.attributes) for node in devices] == [True, True] + [False] * 5
    texts = texts_for(language)
    assert devices[0].css_first("summary").text().startswith(texts.text("steps.android"))
    assert devices[1].css_first("summary").text().startswith(texts.text("steps.firefox"))


def test_a_device_where_all_is_done_opens_nothing() -> None:
    done = state(device=DeviceState("auto", "yes", PROOF), system="windows")
    assert not tree(help_page("en", done)).css("details[open]")
    assert tree(help_page("en", state(device=DeviceState("auto", "no", PROOF), system="windows"))).css("details[open]")


@each_language
@pytest.mark.parametrize("device", DEVICES)
def test_every_device_has_steps_for_proxy_certificate_and_the_way_back(language: Language, device: str) -> None:
    texts = texts_for(language)
    (step,) = [step for step in device_steps(texts, (), "192.0.2.7:8080", None, "My CA") if step.device == device]
    assert any("<code>http://192.0.2.7:8080/proxy.pac</code>" in line for line in step.proxy)
    by_hand = " ".join(step.hand)
    assert "<code>192.0.2.7</code>" in by_hand and "<code>8080</code>" in by_hand
    assert step.certificate
    assert "My CA" in step.remove or device == "ios"
    assert step.files


def test_other_devices_get_the_address_in_the_house_or_are_told_that_there_is_none() -> None:
    texts = texts_for("en")
    alone = device_steps(texts, ("linux",), "127.0.0.1:8080", None, "x")
    assert [step.address for step in alone] == ["127.0.0.1:8080"] + [""] * 6
    house = device_steps(texts, ("linux",), "127.0.0.1:8080", "192.168.0.9:8080", "x")
    assert [step.address for step in house] == ["127.0.0.1:8080"] + ["192.168.0.9:8080"] * 6
    page = tree(help_page("en", FilterState(True, 1, "127.0.0.1:8080", system="linux")))
    assert page.text().count("sfs run --lan") == 7  # six devices, and the part on phones


def test_an_ipv6_address_is_given_by_hand_without_brackets() -> None:
    (step, *_) = device_steps(texts_for("en"), (), "[2001:db8::1]:8080", None, "x")
    assert any("<code>2001:db8::1</code>" in line for line in step.hand)


def test_the_qr_code_stands_only_where_a_phone_reaches_the_proxy() -> None:
    def codes(proxy: str, lan: str | None) -> list[str | None]:
        page = tree(help_page("en", FilterState(True, 1, proxy, lan=lan)))
        return [node.attributes["aria-label"] for node in page.css("svg.qr")]

    assert codes("127.0.0.1:8080", None) == []
    assert codes("127.0.0.1:8080", "192.168.0.9:8080") == ["QR code: http://192.168.0.9:8080/"]
    assert codes("192.168.0.9:8080", None) == ["QR code: http://192.168.0.9:8080/"]


@each_language
def test_what_is_to_be_mended_stands_in_a_part_of_its_own(language: Language) -> None:
    page = tree(help_page(language, state(orange=True, warnings=[Protection("words", 5), Protection("unheard-of")])))
    part = page.css_first("section[aria-labelledby=orange]")
    assert part is not None
    assert [node.text() for node in part.css("li")] == [texts_for(language).text("protects.words", count="5")]
    assert not tree(help_page(language, state())).css("#orange")


def test_the_report_is_offered_only_where_one_is_taken() -> None:
    def links(answer: PageAnswer) -> list[str]:
        return [href for node in tree(answer).css("a") if "/report" in (href := node.attributes["href"] or "")]

    url = "/report?kind=shown"
    assert links(help_page("en", state(report_url=url))) == [url]
    assert links(help_page("en", state())) == []


@each_language
def test_during_a_pause_the_page_says_until_when_and_what_holds_then(language: Language) -> None:
    texts = texts_for(language)
    page = tree(help_page(language, state(paused="14:05")))
    assert page.css_first("h1").text() == texts.text("help.paused", time="14:05")
    assert texts.text("help.paused_level", time="14:05") in page.css_first("#shows").parent.text()
    straight = tree(help_page(language, state(False, paused="14:05")))
    assert straight.css_first("h1").text() == texts.text("help.inactive")
