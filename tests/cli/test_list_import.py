"""`sfs lists import`, `check`, `stats`, `diff` of files: what was taken, what was not and why."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner

from sfs.cli.explain import command as explain_command
from sfs.cli.list_import import import_file
from sfs.cli.lists import command
from sfs.errors import SfsError
from sfs.sources.config import load_config


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sfs.yaml").write_text(f"level: 2\ndefault_lists: false\nstate: {tmp_path / 'state'}\n")
    return tmp_path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return f"{result.output}exit {result.return_value}" if result.return_value else result.output


def take(*arguments: str) -> str:
    return run("import", *arguments, "--config", "sfs.yaml")


def explain(*urls: str) -> str:
    result = CliRunner().invoke(explain_command, [*urls, "--config", "sfs.yaml"], standalone_mode=False)
    return result.output


def meanings() -> dict[str, tuple[object, object, bool]]:
    lists = load_config(Path("sfs.yaml"), {}, page_first=True).lists
    return {one.name: (one.category, one.rating, one.opens) for one in lists}


def test_import_says_what_it_took_and_why_not_the_rest(home):
    (home / "ads.txt").write_text("||a.example^\n||b.example^$third-party\n||c.example^$third-party\n##.x\nd.example\n")
    assert take("ads.txt", "--rating", "3", "--report", "report.jsonl").splitlines() == [
        "ads: 1 names, 1 lines skipped; holds from now on",
        "not taken:",
        "  2 option $third-party",
        "    ads.txt:2: ||b.example^$third-party",
        "  1 cosmetic rule",
        "    ads.txt:4: ##.x",
        "lines skipped:",
        "  1 is no rule of a content blocker",
        "    ads.txt:5: d.example",
    ]
    rows = [json.loads(line) for line in (home / "report.jsonl").read_text().splitlines()]
    assert [(row["kind"], row["line"], row["text"]) for row in rows] == [
        ("left", 2, "||b.example^$third-party"),
        ("left", 3, "||c.example^$third-party"),
        ("left", 4, "##.x"),
        ("bad", 5, "d.example"),
    ]
    assert "format: plain" in rows[-1]["mend"]
    assert "blocked" in explain("http://a.example/")


def test_an_import_that_is_refused_leaves_the_list_of_before(home):
    (home / "a.txt").write_text("a.example\n")
    (home / "b.txt").write_text("b.example\n")
    take("a.txt", "--name", "own", "--rating", "3")
    with pytest.raises(SfsError) as fault:
        take("b.txt", "--name", "own", "--category", "widgets")
    assert str(fault.value).startswith("--category: no category 'widgets'\n  mend: known are ")
    assert run("export", "own", "--config", "sfs.yaml") == "a.example\n"
    assert meanings() == {"own": (None, 3, False)}


def test_lists_that_are_imported_at_once_are_all_in_use(home):
    names = [f"list{number}" for number in range(6)]
    for name in names:
        (home / f"{name}.txt").write_text(f"{name}.example\n")
    gate = threading.Barrier(len(names))

    def one(name: str) -> None:
        gate.wait()
        import_file.main([f"{name}.txt", "--rating", "3", "--config", "sfs.yaml"], standalone_mode=False)

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(one, names))
    assert meanings().keys() == set(names)


def test_the_entries_of_a_list_can_be_written_to_a_file(home):
    (home / "own.txt").write_text("b.example\na.example\n")
    take("own.txt", "--rating", "3")
    assert run("export", "own", "-o", "out.txt", "--config", "sfs.yaml") == "out.txt: 2 entries\n"
    assert (home / "out.txt").read_text() == "a.example\nb.example\n"
    for said in (("--diff",), ("--stop", "192.0.2.80"), ("--reload", "squid.pid"), ("--most", "5")):
        with pytest.raises(SfsError, match=f"^{said[0]} without --format"):
            run("export", "own", *said, "--config", "sfs.yaml")


def test_words_that_cannot_be_written_leave_those_of_before(home):
    (home / "words.txt").write_text("<blue widget>\n")
    take("words.txt", "--rating", "3", "--format", "phrases")
    folder = home / "state" / "keywords"
    (folder / "words-2.txt").mkdir()  # stands for a disk that takes no more
    with pytest.raises(SfsError, match="cannot be written"):
        take("words.txt", "--rating", "2", "--format", "phrases")
    assert (folder / "words-3.txt").read_text() == "# words\nblue widget\n"


def test_of_settings_with_secrets_only_the_rules_are_kept(home):
    text = "users:\n  - password: secret\nuser_rules:\n  - '||a.example^'\n  - '@@||ok.a.example^'\n"
    (home / "AdGuardHome.yaml").write_text(text)
    take("AdGuardHome.yaml", "--name", "own", "--rating", "3")
    assert (home / "state" / "imported" / "own.txt").read_text() == "!ok.a.example\na.example\n"
    found = explain("http://a.example/", "http://ok.a.example/")
    assert [line.split()[0] for line in found.splitlines() if "http://" in line] == ["blocked", "shown"]
    assert run("export", "own", "--config", "sfs.yaml") == "!ok.a.example\na.example\n"


def test_a_list_in_several_files_is_kept_whole(home):
    (home / "dlc").mkdir()
    (home / "dlc" / "games").write_text("include:more @x\nfull:a.example\n")
    (home / "dlc" / "more").write_text("b.example @x\nc.example\n")
    assert "1 a line with other attributes" in take("dlc/games", "--category", "games", "--format", "v2fly")
    assert (home / "state" / "imported" / "games.txt").read_text() == "=a.example\nb.example\n"
    take("dlc/more", "--name", "part", "--rating", "2", "--format", "v2fly", "--only", "@-x")
    assert (home / "state" / "imported" / "part.txt").read_text() == "c.example\n"
    assert meanings() == {"games": ("games", 1, False), "part": (None, 2, False)}


def test_a_table_becomes_a_list_for_each_category_that_is_known(home):
    (home / "t.csv").write_text("url,category\na.example,gambling\nb.example,drogue\nc.example,widgets\n")
    assert "not taken: 1 rows of the category 'widgets'" in take("t.csv")
    assert meanings() == {"t gambling": ("gambling", 3, False), "t drogue": ("drogue", 3, False)}
    take("t.csv", "--name", "rest", "--only", "widgets", "--rating", "1")
    assert run("export", "rest", "--config", "sfs.yaml") == "c.example\n"


def test_a_table_becomes_a_list_for_each_rating(home):
    (home / "t.csv").write_text("host,rating\na.example,2\nb.example,3\nc.example,9\n")
    assert "not taken: 1 rows of the rating '9'" in take("t.csv", "--name", "r")
    assert meanings() == {"r 2": (None, 2, False), "r 3": (None, 3, False)}


def test_phrases_become_words_that_act_and_weights_are_kept(home):
    (home / "bannedphraselist").write_text("< blue widget >\n<small><5>\n<museum><-40>\n")
    said = take("bannedphraselist", "--name", "words", "--rating", "3")
    assert said.startswith("words: 1 words of 3 phrases, 0 lines skipped; holds from now on\n")
    assert "a weight below 0" in said and "bannedphraselist:2: <small>" in said
    folder = home / "state" / "keywords"
    assert (folder / "words-3.txt").read_text() == "# words\nblue widget\n"
    assert len((folder / "words.phrases.jsonl").read_text().splitlines()) == 3
    assert "url-words, rating 3" in explain("http://a.example/blue-widget")
    take("bannedphraselist", "--name", "words", "--rating", "2", "--limit", "5")
    assert sorted(path.name for path in folder.iterdir()) == ["words-2.txt", "words.phrases.jsonl"]
    assert (folder / "words-2.txt").read_text() == "# words\nblue widget\nsmall\n"


def test_weights_count_in_the_text_of_pages_where_that_is_searched(home):
    (home / "weightedphraselist").write_text("<blue widget><60>\n< red >,<gadget><60>\n< museum ><-30>\n")
    take("weightedphraselist", "--name", "sums", "--rating", "3")
    (home / "scan.yaml").write_text((home / "sfs.yaml").read_text() + "\nscan_body: true\n")

    def said(body: str, config: str = "scan.yaml") -> str:
        (home / "page.html").write_text(f"<title>x</title><p>{body}</p>")
        arguments = ["--config", config, "--html", "page.html", "http://a.example/"]
        return CliRunner().invoke(explain_command, arguments, standalone_mode=False).output

    both = "darkblue widgets, a red one and gadgets"
    assert "body-words, rating 3" in said(both) and "sums.phrases.jsonl:1" in said(both)
    assert said(both + " in a museum").startswith("shown")
    assert said("darkblue widgets").startswith("shown")
    assert said(both, "sfs.yaml").startswith("shown")
    (home / "state" / "keywords" / "sums-3.txt").unlink()
    assert said(both).startswith("shown")


def test_search_terms_act_in_searches(home):
    (home / "bannedsearchtermlist").write_text("blue+widget\n")
    take("bannedsearchtermlist", "--rating", "3")
    found = explain("http://www.google.com/search?q=widget+blue", "http://a.example/widget-blue")
    assert [line.split()[0] for line in found.splitlines() if "://" in line] == ["blocked", "shown"]


@pytest.mark.parametrize(
    ("name", "text", "arguments", "what"),
    [
        ("exceptionsitelist", "a.example\n", ["--rating", "3"], "holds what is shown"),
        ("greysitelist", "a.example\n", ["--rating", "3"], "holds what is shown"),
        ("exceptionphraselist", "<blue>\n", ["--rating", "3"], "holds what is shown"),
        ("bannedphraselist", "<blue>\n", [], "what do its words suggest"),
        ("bannedphraselist", "<blue>\n", ["--category", "games"], "what do its words suggest"),
        ("a", "a.example\n", [], "what are its pages"),
        ("a", "a.example\n", ["--rating", "3", "--only", "x"], "has no parts"),
        ("a", "a.example\n", ["--rating", "3", "--category", "games"], "what are its pages"),
        ("a", "<!doctype html>\n", ["--rating", "3"], "web page, not a list"),
        ("a", "nothing that is known\n", ["--rating", "3"], "looks like no list"),
        ("a.csv", "url,category\na.example,x\n", [], "no category of the table is known"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_changes(home, name, text, arguments, what):
    (home / name).write_text(text)
    with pytest.raises(SfsError, match=what):
        take(name, *arguments)
    assert meanings() == {}


def test_a_list_of_exceptions_opens(home):
    (home / "exceptionsitelist").write_text("a.example\n")
    take("exceptionsitelist", "--opens")
    assert meanings() == {"exceptionsitelist": (None, None, True)}


def test_a_file_with_nothing_to_take_says_why(home):
    (home / "bannedregexpurllist").write_text("(blue|red)widget\n(a+)+$\n")
    said = take("bannedregexpurllist", "--rating", "3")
    assert "0 words of 0 phrases" in said and "(words: bluewidget, redwidget)" in said
    (home / "list.txt").write_text("||a.example^$script\n")
    with pytest.raises(SfsError, match="no names"):
        take("list.txt", "--rating", "3")


def test_check_says_what_is_wrong_line_by_line(home):
    (home / "list.txt").write_text("=a.example\na.example\nb.example/x\nb.example/x\nco.jp\n")
    assert run("check", "list.txt").splitlines() == [
        "3 names in the format entries, 1 lines skipped",
        "list.txt:5:1: 'co.jp' is a public suffix: the sites below it have nothing in common",
        "  mend: name the site, as example.co.jp, or =co.jp for this one host",
        "1 stand twice:",
        "  list.txt:4: b.example/x, as in line 3",
        "1 are hidden by others:",
        "  list.txt:1: =a.example, by a.example in line 2",
        "1 have a path: over HTTPS they need the certificate:",
        "  list.txt:3: b.example/x",
    ]
    said = json.loads(run("check", "list.txt", "--json"))
    assert (said["format"], said["entries"], said["skipped"]) == ("entries", 3, 1)
    assert said["findings"]["hidden"] == {
        "count": 1,
        "first": [
            {
                "file": "list.txt",
                "line": 1,
                "entry": "=a.example",
                "by": "a.example",
                "by_line": 2,
                "by_file": "list.txt",
            }
        ],
    }
    assert said["reasons"][0]["first"]["line"] == 5


def test_check_of_no_list_is_json_too(home):
    (home / "list.txt").write_text("<html>")
    result = CliRunner().invoke(command, ["check", "list.txt", "--json"], standalone_mode=False)
    assert result.return_value == 1
    assert json.loads(result.stdout)["fault"] == "this is a web page, not a list"


def test_stats_of_a_file(home):
    (home / "list.txt").write_text("a.example\nb.a.example\na.example\n")
    said = json.loads(run("stats", "list.txt", "--json"))
    assert (said["entries"], said["trees"], said["stand twice"], said["hidden by others"]) == (2, 2, 1, 1)
    assert "ends in .example 2" in run("stats", "list.txt")
    (home / "phrases").write_text("<blue><5>\n")
    assert json.loads(run("stats", "phrases", "--json"))["phrases"] == 1


def test_two_files_are_compared_in_their_own_formats(home):
    (home / "a").write_text("a.example\nb.example\n")
    (home / "b").write_text("||a.example^\n||c.example^\n@@||x.a.example^\n")
    assert run("diff", "a", "b") == "-b.example\n+!x.a.example\n+c.example\nexit 1"
    assert json.loads(run("diff", "a", "b", "--json").removesuffix("exit 1"))["removed"] == ["b.example"]
    assert run("diff", "a", "a") == ""
