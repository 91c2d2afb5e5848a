"""The text of an extended DNS error."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from sfs.cli.lists import command
from sfs.export.order import lua_text
from sfs.export.told import ERROR_CODES, MAX_TOLD, told, told_by
from sfs.lists.mandatory import Purpose
from sfs.sources.config import load_config
from sfs.sources.stop_page import Said, Way
from tests.web.test_stop import STOP


@pytest.mark.parametrize("language", ["ja", "en"])
def test_it_says_whom_to_ask_why_who_and_in_which_language(language):
    text = told(STOP, language)
    assert json.loads(text) == {
        "c": ["tel:0120000000"],  # an address of a page is none of the kinds that the draft knows
        "j": {
            "en": "This name is on a blocking list. More: https://net.example/blocking",
            "ja": "この名前はブロッキングのリストにあります。くわしくは https://net.example/blocking",
        }[language],
        "o": STOP.name.text(language),
        "l": language,
    }
    assert " :" not in text and ", " not in text.replace("list. More: ", "")


def test_what_is_too_long_goes_as_the_draft_says():
    long = replace(STOP, name=Said("名" * 80, "n" * 80), about="https://net.example/" + "a" * 190)
    assert len(told(long, "en").encode()) <= MAX_TOLD
    assert json.loads(told(long, "ja")) == {"c": ["tel:0120000000"]}
    assert told(replace(long, contact=(Way("https://net.example/", "net.example"),)), "ja") == ""


@pytest.mark.parametrize(
    ("more", "language"), [("", "ja"), ("language: en\n", "en"), ("language: ja\n", "ja"), ("level: 2\n", "ja")]
)
def test_the_configuration_of_a_provider_says_it(tmp_path, more, language):
    config = tmp_path / "isp.yaml"
    stop = "{name: Net, about: 'https://net.example', contact: ['0120-000-000'], country: JP}"
    config.write_text(f"{more}stop_page: {stop}\n")
    (tmp_path / "list.txt").write_text("tree.example\n")
    text = told_by(load_config(config, state=tmp_path))
    assert json.loads(text)["l"] == language
    words = ["export", str(tmp_path / "list.txt"), "--format", "pdns", "--nxdomain", "--config", str(config)]
    done = CliRunner().invoke(command, words, standalone_mode=False)
    assert f"local told = [=[{text}]=]\n" in done.stdout, done.output
    config.write_text("level: 2\n")
    done = CliRunner().invoke(command, words, standalone_mode=False)
    assert "local told = [=[]=]\n" in done.stdout


def test_a_provider_s_own_will_is_no_censorship_and_nothing_is_called_forged():
    assert ERROR_CODES[Purpose.CHILD_PROTECTION] == 15
    assert ERROR_CODES[Purpose.COURT_ORDER] == 16
    assert ERROR_CODES[Purpose.POLICY] == 17
    assert set(ERROR_CODES) == set(Purpose)
    assert 4 not in ERROR_CODES.values()


@pytest.mark.parametrize("text", ["", "{}", "]]", "]=]", "a]=", "]==]=]", "\\n'\""])
def test_lua_reads_any_text_as_it_is(text):
    quoted = lua_text(text)
    opening = quoted[: quoted.index("[", 1) + 1]
    closing = opening.replace("[", "]")
    assert quoted == opening + text + closing
    assert quoted.index(closing) == len(opening) + len(text)
