"""A configuration as the filter in force: lists, words, ratings, tables, and what it says of itself."""

import pytest

from sfs.core.facts import Facts, Https
from sfs.core.verdict import Verdict
from sfs.errors import SfsError
from sfs.sources.config import load_config
from sfs.sources.filter import load_filter
from sfs.sources.helplines import helplines_for, helplines_from
from sfs.sources.https import https_mode
from sfs.sources.protection import protection
from sfs.text.url import parse_url


@pytest.fixture
def make(tmp_path):
    def from_text(text: str):
        path = tmp_path / "sfs.yaml"
        path.write_text(f"state: {tmp_path / 'state'}\n{text}", encoding="utf-8")
        return load_filter(load_config(path))

    return from_text


def verdict(filter_, url: str, **more) -> Verdict:
    facts = Facts(parse_url(url), **more)
    answer, facts = filter_.judge(facts, filter_.policies.default)
    if not isinstance(answer, Verdict):
        answer, _ = filter_.judge(facts.with_page(None), filter_.policies.default)
    return answer


def test_a_file_in_the_place_of_the_state_folder_is_said_once(make, tmp_path):
    (tmp_path / "state").write_text("")
    with pytest.raises(SfsError, match="not a folder"):
        make("level: 2\n")


def test_lists_of_every_meaning_act(make, tmp_path):
    (tmp_path / "a.txt").write_text("rated.test\nexa mple\n")
    (tmp_path / "b.txt").write_text("0.0.0.0 virus.test\n")
    (tmp_path / "c.txt").write_text("open.test\n")
    (tmp_path / "d.txt").write_text("law.test/x/\n")
    filter_ = make(
        "level: 0\nlists:\n"
        "- {name: a, url: a.txt, rating: 3}\n"
        "- {name: b, url: b.txt, format: hosts, category: malware}\n"
        "- {name: c, url: c.txt, opens: true}\n"
        "- {name: d, url: d.txt, mandatory: true}\n"
    )
    assert verdict(filter_, "http://rated.test/").reason == "category-rating"
    assert verdict(filter_, "http://www.virus.test/").reason == "security"
    assert not verdict(filter_, "http://open.test/").blocked
    assert verdict(filter_, "http://law.test/x/y").check == "mandatory"
    assert "law.test" not in verdict(filter_, "http://law.test/x/y").source
    assert [fault.where.line for fault in filter_.report.skipped if fault.where.file.endswith("a.txt")] == [2]
    assert "3 category lists (3 names)" in protection(filter_).ready
    assert "1 mandatory list," in protection(filter_).ready


def test_a_list_that_cannot_be_read_refuses_the_whole_configuration(make, tmp_path):
    (tmp_path / "a.txt").write_text("<!doctype html><html>not found</html>")
    with pytest.raises(SfsError):
        make("level: 2\nlists: [{name: a, url: a.txt, rating: 3}]\n")


def test_own_keywords_and_ratings_act(make):
    filter_ = make("level: 2\nkeywords: {3: [pumpkin]}\nratings: {rated.test/x/: 4, fine.test: 0}\n")
    assert verdict(filter_, "http://a.test/pumpkin").check == "url-words"
    assert verdict(filter_, "http://rated.test/x/y").reason == "own-rating"
    assert verdict(filter_, "http://fine.test/pumpkin").reason == "rated-shown"


def test_https_is_by_name_until_a_client_has_proved_trust(make):
    assert https_mode(make("level: 2\n").config) is Https.SNI
    assert https_mode(make("level: 2\n").config, trusted=True) is Https.INSPECT
    assert https_mode(make("level: 2\nhttps: sni\n").config, trusted=True) is Https.SNI
    assert https_mode(make("level: 2\nhttps: inspect\n").config) is Https.INSPECT
    assert "HTTPS by name until" in protection(make("level: 2\n")).ready
    assert protection(make("level: 2\n")).https == "auto"


def test_the_ready_line_says_what_protects(make):
    ready = protection(make("level: 0\nblock: [a.test]\nratings: {b.test: 1}\n")).ready
    assert ready.startswith("level 0: ")
    for part in ("words", "1 own entry,", "1 own rating,", "unrated pages stay closed", "no category lists yet"):
        assert part in ready
    assert "words" not in protection(make("level: 4\n")).ready
    assert protection(make("profile: isp\n")).ready.startswith("mandatory lists only")


def test_help_lines_for_readers_of_a_language():
    rows = [{"id": c.lower() + n, "country": c, "hosts": []} for n in "12" for c in ("JP", "GB", "INT")]
    lines = helplines_from(rows)
    assert [x.id for x in helplines_for(lines, "ja")] == ["jp1", "int1", "jp2", "int2"]
    assert [x.id for x in helplines_for(lines, "en")] == ["int1", "int2", "jp1", "gb1", "jp2", "gb2"]
    pictures = helplines_from(
        [{"id": "p", "country": "INT", "images": True}, *({"id": f"l{n}", "country": "INT"} for n in range(12))]
    )
    assert [x.id for x in helplines_for(pictures, "en")].index("p") == 10
    assert next(x.id for x in helplines_for(pictures, "ja", images_first=True)) == "p"
    with pytest.raises(SfsError, match="without id"):
        helplines_from([{"country": "JP"}])
    with pytest.raises(SfsError, match="is no date"):
        helplines_from([{"id": "x", "checked": "soon"}])
    with pytest.raises(SfsError, match="not a list"):
        helplines_from({})
