"""What somebody at a terminal reads when the filter has started."""

import pytest

from sfs.cli.greeting import greeting, language_here, ready
from sfs.sources.settings import PageLanguage
from sfs.sources.values import Listen

PROXY = Listen("127.0.0.1", 8080)
LINK = "http://127.0.0.1:8081/setup/abc"


@pytest.mark.parametrize(
    ("language", "level", "said"), [("ja", 2, ", レベル2"), ("en", 0, ", level 0"), ("ja", None, "")]
)
def test_the_first_line_says_where_and_for_which_level(language, level, said):
    assert ready(language, PROXY, level) == f"sfs: ready on 127.0.0.1:8080{said}"


@pytest.mark.parametrize(("language", "words"), [("ja", "パスワードとレベル"), ("en", "password and a level")])
def test_it_says_what_to_do_next_and_what_is_missing(language, words):
    lines = [*greeting(language, PROXY, LINK, first=True, warnings=(("no_lists", 1, 0),))]
    assert words in lines[1] and lines[2].strip() == LINK
    assert "127.0.0.1" in lines[3] and "8080" in lines[3] and lines[5].strip() == "http://sfs.home.arpa/"
    assert "sfs lists update" in "".join(lines) and "Ctrl+C" in lines[-1]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_what_is_done_already_is_not_asked_for(language):
    lines = "\n".join(greeting(language, PROXY, "http://127.0.0.1:8081/", first=False, warnings=()))
    assert "30" not in lines and "sfs lists update" not in lines and "http://127.0.0.1:8081/" in lines
    assert "  3. " not in "\n".join(greeting(language, PROXY, None, first=False, warnings=(("old_lists", 2, 20),)))


@pytest.mark.parametrize(
    ("fixed", "locale", "language"),
    [
        (PageLanguage.AUTO, "ja_JP.UTF-8", "ja"), (PageLanguage.AUTO, "en_GB.UTF-8", "en"),
        (PageLanguage.AUTO, "C", "en"),
        (PageLanguage.AUTO, "", "en"), (PageLanguage.JA, "en_GB.UTF-8", "ja"), (PageLanguage.EN, "ja_JP.UTF-8", "en"),
    ],
)  # fmt: skip
def test_the_language_is_that_of_who_sits_there(monkeypatch, fixed, locale, language):
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", locale)
    assert language_here(fixed) == language
