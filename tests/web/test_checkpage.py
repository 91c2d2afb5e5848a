"""What the result of the self-check says, by what came."""

import re

import pytest

from sfs.core.probes import PROBES
from sfs.web.checkpage import Came, Here, Ways, check_page, result_page
from sfs.web.texts import LANGUAGES, texts_for

HERE = Here(1, inspects=True)
NAMES = [probe.name for probe in PROBES]
VALUES = (True, False, None)
EXPECTED = {  # plain, secure: the state
    (True, True): "closed",
    (True, None): "closed",
    (None, True): "closed",
    (True, False): "secure",
    (None, False): "secure",
    (None, None): "none",
    (False, True): "open",
    (False, False): "open",
    (False, None): "open",
}


def came(ways: Ways, *, scripted: bool = True, **others: Ways) -> Came:
    return Came(dict.fromkeys(NAMES, ways) | others, "whole", scripted)


def shown(result: Came, here: Here = HERE, language="en") -> str:
    return result_page(language, result, here).body.decode()


def states(text: str) -> dict[str, str]:
    return dict(re.findall(r'data-probe="([a-z]+)" data-state="([a-z]+)"', text))


@pytest.mark.parametrize(("ways", "state"), EXPECTED.items())
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_way_stands_in_its_state_once(ways, state, language):
    text = shown(came(Ways(*ways)), language=language)
    expected = dict.fromkeys(NAMES, state)
    if state == "none":
        expected["fronting"] = "itself"
    assert states(text) == expected
    assert text.count("data-probe=") == len(NAMES)


def test_the_head_says_all_is_closed_only_where_all_was_tried():
    texts = texts_for("en")
    closed = Ways(True, True)
    assert texts.text("check.all_closed") in shown(came(closed))
    assert texts.text("check.none_open", count=1) in shown(came(closed, socket=Ways(None, None)))
    opened = texts.text("check.some_open", count=2, all=len(NAMES) - 1)
    assert opened in shown(came(closed, socket=Ways(None, None), vpn=Ways(False, True), dns=Ways(True, False)))


def test_what_the_script_tries_is_not_tried_without_it():
    said = states(shown(came(Ways(None, None), scripted=False)))
    assert {name for name, state in said.items() if state == "unscripted"} == {"form", "question", "socket"}


def test_a_remedy_is_one_that_helps_here():
    texts = texts_for("en")
    hidden = came(Ways(True, True), translator=Ways(True, False), vpn=Ways(False, False))

    def remedies(here: Here) -> set[str]:
        text = shown(hidden, here)
        said = {name: str(texts.html(f"check.close_{name}")) for name in ("level", "names", "certificate", "mode")}
        return {name for name, sentence in said.items() if sentence in text}

    assert remedies(Here(3, inspects=True)) == {"names", "certificate"}
    assert remedies(Here(3, inspects=False)) == {"names", "mode"}
    assert remedies(Here(None, inspects=False)) == set()
    assert texts.text("check.paused") in shown(hidden, Here(4, inspects=True, paused=True))


def test_the_page_loads_each_way_over_http_and_https_and_says_where_it_may_go():
    page = check_page("ja", "token")
    text, policy = page.body.decode(), dict(page.headers)["Content-Security-Policy"]
    for probe in PROBES:
        if probe.manner != "ourselves":
            for scheme in ("http", "https"):
                assert probe.of_run("token", scheme).replace("&", "&amp;") in text
    assert policy.count("form-action") == 1
    assert "form-action http://form.probe.sfs.home.arpa https://form.probe.sfs.home.arpa" in policy
