"""The shipped phrases: their form, and that innocent pages stay open where whole texts are searched."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sfs.core.body import MAX_RELIEF, body_from, score, texts_of
from sfs.core.levels import LEVELS
from sfs.core.policy import Policy, policy_of_level
from sfs.core.ruleset import Ruleset
from sfs.errors import Where
from sfs.match.phrases import NEAR, OWN_WEIGHT, WEIGHTS, Phrase, parse_phrase_line
from sfs.sources.config import load_config
from sfs.sources.filter import load_filter
from sfs.text.fold import fold

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "rules" / "phrases"
HERE = Path(__file__).parent
HTML = (("content-type", "text/html; charset=utf-8"),)
MANUALS = {
    "debian-reference-ja": ("/usr/share/debian-reference", "*.ja.html"),
    "maint-guide-ja": ("/usr/share/doc/maint-guide-ja/html", "*.html"),
    "aptitude-doc-ja": ("/usr/share/doc/aptitude/html/ja", "*.html"),
}
LEVEL_1 = policy_of_level(1, scan_body=True)


@pytest.fixture(scope="module")
def ruleset(tmp_path_factory) -> Ruleset:
    """That of the shipped rules."""
    return load_filter(load_config(None, {"level": "1", "scan_body": "true"}, tmp_path_factory.mktemp("state"))).ruleset


def points(page: bytes, ruleset: Ruleset, policy: Policy = LEVEL_1) -> int:
    body = body_from(HTML, page, policy, ruleset)
    return max(score(part, policy.level).points for part in (body.visible, body.script))


def shipped() -> Iterator[Phrase]:
    for path in sorted(FOLDER.glob("*.txt")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            phrase = parse_phrase_line(line, None, Where(path.name, number))
            if phrase is not None:
                yield phrase


def test_every_shipped_phrase_takes_away_and_stands_once():
    phrases = list(shipped())
    assert Counter(phrase.where.file for phrase in phrases).keys() == {"context-en.txt", "context-ja.txt"}
    assert all(-25 <= phrase.weight <= -10 for phrase in phrases)
    assert [text for text, count in Counter(phrase.parts for phrase in phrases).items() if count > 1] == []
    assert len(phrases) >= 80


def test_a_filter_that_scans_nothing_has_no_phrases(tmp_path):
    for scan in ("false", "true"):
        made = load_filter(load_config(None, {"level": "1", "scan_body": scan}, tmp_path))
        assert bool(made.ruleset.phrases.phrases) is (scan == "true")
        assert made.report.skipped == []


def test_the_readme_has_the_figures_of_the_code():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for rating, weight in WEIGHTS.items():
        level = LEVELS[rating - 1]
        counted = "4" if level.level == 3 else f"{level.level + 1} and up"
        assert f"| {rating} | {weight} | | {level.level} | {counted} | {level.body_limit} |" in text
    assert f"counts {OWN_WEIGHT}, whatever its rating" in text
    assert f"take points away, {MAX_RELIEF} at most" in text
    assert f"must stand within {NEAR} characters" in text


@pytest.mark.parametrize("name", ["innocent-ja.txt", "innocent-en.txt"])
def test_all_innocent_phrases_on_one_page_stay_open(name, ruleset):
    text = (HERE / name).read_text(encoding="utf-8")
    assert points(f"<p>{text.replace(chr(10), '<p>')}".encode(), ruleset) <= 0


@pytest.mark.parametrize("package", MANUALS)
def test_every_page_of_a_japanese_manual_stays_open(package, ruleset):
    folder, names = MANUALS[package]
    pages = sorted(Path(folder).glob(names))
    if not pages:
        pytest.skip(f"{package} is not installed")
    texts = [texts_of(page.read_bytes(), "text/html; charset=utf-8")[0] for page in pages]
    assert min(map(len, texts)) > 50
    assert [page.name for page, text in zip(pages, texts, strict=True) if _points(text, ruleset) > 0] == []
    in_sjis = max(pages, key=lambda page: page.stat().st_size).read_text(encoding="utf-8").encode("cp932", "ignore")
    assert body_from((("content-type", "text/html; charset=shift_jis"),), in_sjis, LEVEL_1, ruleset).visible == ()


def _points(text: str, ruleset: Ruleset) -> int:
    return score(ruleset.phrases.find(fold(text)), 1).points


def test_many_listed_words_close_a_page_and_a_lesson_about_them_stays_open(ruleset):
    words = _words_of_rating_4()
    page = f"<p>{' / '.join(words[:20])}"
    assert points(page.encode(), ruleset) >= LEVELS[3].body_limit
    few = "<p>" + " / ".join(words[:5])
    assert points(few.encode(), ruleset) >= LEVELS[1].body_limit
    lesson = few + "<p>性教育: 思春期のからだの変化。文部科学省の学習指導要領、養護教諭、相談窓口"
    assert points(lesson.encode(), ruleset) < LEVELS[1].body_limit


def _words_of_rating_4() -> list[str]:
    """Single words of the shipped file that no other word of it is part of."""
    lines = (ROOT / "rules" / "keywords" / "ja-4.txt").read_text(encoding="utf-8").splitlines()
    found = [line.partition("\t")[0] for line in lines if line and line[0] not in "#!" and " + " not in line]
    return [word for word in found if not any(word != other and word in other for other in found)]
