"""What a provider says of itself, read from a configuration."""

import pytest

from sfs.errors import ConfigError
from sfs.lists.mandatory import Purpose
from sfs.sources.config import load_config
from sfs.sources.stop_page import Said, Way

WHOLE = """\
stop_page:
  name: {ja: 見本ネット, en: Example Net}
  about: https://net.example/blocking
  contact: [https://net.example/contact/, "0120-000-000", "#8891"]
  appeal: appeal@net.example
  purpose: child-protection
  made_by: Example Association
  basis: {ja: 業界の指針, en: an industry guideline}
  country: JP
"""
LEAST = "stop_page: {name: Example Net, about: https://net.example, contact: [a@net.example]}\n"


def read(tmp_path, text: str):
    path = tmp_path / "isp.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, state=tmp_path / "state").stop_page


def test_all_that_can_be_said(tmp_path):
    stop = read(tmp_path, WHOLE)
    assert stop.name == Said("見本ネット", "Example Net")
    assert [stop.name.text(language) for language in ("ja", "en")] == ["見本ネット", "Example Net"]
    assert stop.contact == (
        Way("https://net.example/contact/", "net.example/contact"),
        Way("tel:0120000000", "0120-000-000"),
        Way("tel:%238891", "#8891"),
    )
    assert stop.appeal == (Way("mailto:appeal@net.example", "appeal@net.example"),)
    assert (stop.purpose, stop.country) == (Purpose.CHILD_PROTECTION, "JP")
    assert stop.made_by == Said("Example Association", "Example Association")
    assert str(stop) == "Example Net, https://net.example/blocking"


def test_the_least_that_must_be_said_and_nothing_by_default(tmp_path):
    stop = read(tmp_path, LEAST)
    assert (stop.appeal, stop.purpose, stop.made_by, stop.basis, stop.country) == ((), None, None, None, None)
    assert read(tmp_path, "level: 2\n") is None


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (WHOLE, "stop_page: Example Net\n", "stop_page is a mapping"),
        ("name: Example Net, ", "", "a stop page without name"),
        ("Example Net", "{ja: 見本ネット}", "a name in one language"),
        ("Example Net", "x" * 81, "a name of 81 characters"),
        ("https://net.example", "ftp://net.example", "is no address of a page"),
        ("https://net.example", '"https://net.example/\\"; x"', "is no address of a page"),
        ("https://net.example", "https://net.example/$a", "is no address of a page"),
        ("[a@net.example]", "[]", "says nobody to ask"),
        ("[a@net.example]", "[javascript:x]", "reaches nobody"),
        ("[a@net.example]", "[a@b.example, c@b.example, d@b.example, e@b.example, f@b.example]", "5 ways"),
        ("]}", "], country: Japan}", "is no country"),
        ("]}", "], purpose: other}", "'other' is not one of child-protection"),
        ("]}", "], owner: me}", "knows no key 'owner'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, before, after, said):
    text = WHOLE if before == WHOLE else LEAST
    assert before in text
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text.replace(before, after))
    assert said in str(caught.value)
    assert "isp.yaml:1:" in str(caught.value)
    assert "mend:" in str(caught.value)
