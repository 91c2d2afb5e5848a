"""What is asked at a terminal before the first start."""

import pytest

from sfs.cli.questions import ask_level, offer_first_update
from sfs.lists import store
from sfs.sources.config import load_config
from sfs.sources.filter import load_filter


@pytest.mark.parametrize(("locale", "words"), [("ja_JP.UTF-8", "小学生"), ("en_GB.UTF-8", "ages 6 to 11")])
def test_the_level_is_asked_for_with_whom_each_is_for(monkeypatch, capsys, locale, words):
    monkeypatch.setenv("LC_ALL", locale)
    assert ask_level() is None
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.prompt", lambda *_, **__: 1)
    assert ask_level() == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["0", "1", "2", "3", "4"]
    assert words in lines[2]


def test_without_a_terminal_nothing_is_offered(tmp_path):
    assert not offer_first_update(load_filter(load_config(None, {"level": 2}, tmp_path)))


@pytest.mark.parametrize(("locale", "said"), [("ja_JP.UTF-8", "公開リスト"), ("C", "public lists")])
@pytest.mark.parametrize("answer", [True, False])
def test_on_a_terminal_the_first_update_is_offered_until_somebody_says_yes(
    tmp_path, monkeypatch, capsys, answer, locale, said
):
    monkeypatch.setenv("LC_ALL", locale)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", lambda *args, **more: answer)
    filter_ = load_filter(load_config(None, {"level": 2}, tmp_path))
    assert offer_first_update(filter_) is answer
    out = capsys.readouterr().out
    assert "dsi.ut-capitole.fr" in out and said in out
    assert ("sfs lists update" in out) is not answer
    store.set_asked(tmp_path)
    assert not offer_first_update(filter_)
