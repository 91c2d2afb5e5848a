"""The configuration in words."""

from datetime import timedelta

import pytest

from sfs.sources.config import load_config
from sfs.sources.describe import describe, duration_text
from sfs.sources.settings import SETTINGS


def described(tmp_path, text: str) -> dict[str, tuple[str, str]]:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    rows = describe(load_config(path, {"listen": "[::1]:3128"}, tmp_path / "state"))
    assert [key for key, _, _ in rows] == [setting.name for setting in SETTINGS]
    return {key: (value, origin.replace(f"{tmp_path}/", "")) for key, value, origin in rows}


def test_every_key_has_its_value_and_its_origin(tmp_path):
    text = (
        "level: 0\nblock: [example.com, {entry: example.org/x, final: true}]\nretention: 36 hours\nself_labels: false\n"
    )
    text += "ratings: {example.com: 3}\nlists: [{name: start-en}]\nreach: [127.0.0.1:8000]\n"
    rows = described(tmp_path, text + "groups: [{name: kids, users: [anna]}]\nupstream_ca: config.yaml\n")
    assert rows["level"] == ("0", "config.yaml:1")
    assert rows["profile"] == ("household", "default")
    assert rows["listen"] == ("[::1]:3128", "--listen")
    assert rows["admin"] == ("127.0.0.1:8081", "default")
    assert rows["block"] == ("example.com, example.org/x (final)", "config.yaml:2")
    assert rows["retention"] == ("36 hours", "config.yaml:3")
    assert rows["self_labels"] == ("false", "config.yaml:4")
    assert rows["ratings"] == ("example.com: 3", "config.yaml:5")
    assert rows["lists"] == ("start-en", "config.yaml:6")
    assert rows["reach"] == ("127.0.0.1:8000", "config.yaml:7")
    assert rows["groups"] == ("kids", "config.yaml:8")
    assert rows["unrated"] == ("block", "level 0")
    assert rows["bypass"] == ("block", "level 0")
    assert rows["allow"] == ("none", "default")
    assert rows["keywords"] == ("none", "default")
    assert rows["never_decrypt"] == ("none and rules/never-decrypt.txt", "default")
    assert rows["https"] == ("auto", "profile household")


def test_without_a_level_what_follows_it_says_so(tmp_path):
    rows = described(tmp_path, "")
    assert rows["level"] == ("none", "default")
    assert rows["unrated"] == ("by level", "default")


def test_words_are_counted_and_never_shown(tmp_path):
    rows = described(tmp_path, 'level: 2\nkeywords: {3: [secretword, another, "!guard"]}\n')
    assert rows["keywords"] == ("2 words", "config.yaml:2")
    assert "secretword" not in str(rows)


def test_long_lists_are_cut(tmp_path):
    rows = described(tmp_path, "allow: [" + ", ".join(f"a{number}.test" for number in range(8)) + "]\n")
    assert rows["allow"][0] == "a0.test, a1.test, a2.test, a3.test, a4.test and 3 more"


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (timedelta(days=7), "7 days"),
        (timedelta(days=1), "1 day"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(seconds=61), "61 seconds"),
        (timedelta(0), "0 seconds"),
    ],
)
def test_time_is_written_as_it_may_be_written_in_a_configuration(time, text):
    assert duration_text(time) == text
