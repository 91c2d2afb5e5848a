"""`sfs bureau import` and `export`: what was taken into the store, what was not and why, and what a second run does."""

import gzip
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from click.testing import CliRunner

from sfs.bureau.importing.journal import Journal
from sfs.cli import bureau_import
from sfs.cli.bureau_import import export, import_files
from sfs.errors import SfsError
from sfs.pics.safetyonline import SERVICE
from sfs.pics.stored import StoredLabel
from sfs.sources.labels import LabelStore

RSAC = "http://www.rsac.org/ratingsv01.html"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bureau_import, "_PRIORITY", -20)  # the tests that follow keep theirs
    return tmp_path


def run(command, *arguments: str) -> str:
    result = CliRunner().invoke(command, [*arguments, "--state", "state"], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return f"{result.output}exit {result.return_value}" if result.return_value else result.output


def take(*arguments: str) -> list[str]:
    return run(import_files, *arguments).splitlines()


def kept() -> dict[str, str]:
    """`for` with + for generic and * for below -> the rating, or all ratings of another service."""
    store = LabelStore.open("state/labels.db")
    try:
        return {
            f"{label.for_}{'+' * label.generic}{'*' * label.below}": " ".join(
                f"{value:g}" if name == "lv" else f"{name}={value:g}" for name, value in label.ratings
            )
            for label in store.each()
        }
    finally:
        store.close()


def rate_by_hand(*labels: StoredLabel) -> None:
    store = LabelStore.open("state/labels.db")
    store.rate(labels, who="Kato")
    store.close()


def write(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")


def test_every_kind_of_line_of_a_list(home):
    lines = (
        "example.com",
        "=www.example.net",
        "example.org/kids/",
        "example.org/a.html",
        "example.org/s?q=x",
        "bad one",
    )
    write("list.txt", "\n".join(lines))
    assert take("list.txt", "--rating", "2", "--report", "r.jsonl") == [
        "list: 7 new, 0 changed, 0 as before",
        "lines skipped:",
        "  1 is not an entry: it has a space",
        "    list.txt:6:4: bad one",
        "exit 1",
    ]
    assert kept() == {
        "http://example.com+*": "2",
        "http://www.example.net+": "2",
        "http://example.org/kids/+": "2",
        "http://example.org/kids": "2",
        "http://example.org/a.html": "2",
        "http://example.org/a.html?+": "2",
        "http://example.org/s?q=x": "2",
    }
    assert json.loads(Path("r.jsonl").read_text())["line"] == 6


def test_exceptions_of_a_list_get_no_label(home):
    write("list.txt", "||example.com^\n||a.example.net^\n@@||example.net^\n||example.org^$third-party\n")
    assert take("list.txt", "--rating", "2")[:2] == ["list: 1 new, 0 changed, 0 as before", "not taken:"]
    assert kept() == {"http://example.com+*": "2"}


def test_folders_of_categories(home):
    write("bl/adult/domains", "both.example.com\n")
    write("bl/gambling/domains", "both.example.com\nexample.net\n")
    write("bl/gambling/urls", "example.org/x\n")
    write("bl/sex/lingerie/domains", "l.example.com\n")
    write("bl/malware/domains", "m.test\n")
    write("bl/shopping/domains", "s.test\n")
    write("bl/special/domains", "x.test\n")
    write("bl/unheard_of/domains", "u.test\n")
    write("bl/celebrity/readme", "nothing\n")
    Path("bl/porn").symlink_to("adult")
    Path("bl/games").mkdir()
    Path("bl/games/domains.gz").write_bytes(gzip.compress(b"g.example.com\n"))
    Path("bl/dating").mkdir()
    Path("bl/dating/domains.00").write_bytes(b"d.exam")
    Path("bl/dating/domains.01").write_bytes(b"ple.com\n")
    Path("bl/warez").mkdir()
    Path("bl/warez/domains.gz").write_bytes(gzip.compress(b"w.test\n" * 9)[:-6])
    said = take("bl")
    assert said[0] == "bl: 9 new, 0 changed, 0 as before, 1 in a list with a higher rating too"
    assert [line.strip() for line in said if line.startswith("  ") and line[2] != " "] == [
        "1 a link to another folder, which has the list",
        "1 no category 'unheard_of' is known: say --rating for it alone",
        "1 the category 'malware' is no rating but security: take it with `sfs lists import`",
        "1 the category 'shopping' has no rating",
        "1 the category 'special' is not for filters",
        "1 the list was refused: cut: the end of the gzip file is missing",
    ]
    assert kept() == {
        "http://both.example.com+*": "4",
        "http://example.net+*": "3",
        **dict.fromkeys(("http://example.org/x", "http://www.example.org/x"), "3"),
        **dict.fromkeys(("http://example.org/x/+", "http://www.example.org/x/+"), "3"),
        "http://l.example.com+*": "2",
        "http://g.example.com+*": "1",
        "http://d.example.com+*": "3",
    }
    assert take("bl")[0].startswith("bl: 0 new, 0 changed, 9 as before")


def test_one_folder_is_a_category_by_its_name_or_by_what_is_said(home):
    write("gambling/domains", "example.com\n")
    take("gambling")
    assert kept() == {"http://example.com+*": "3"}
    write("special/domains", "example.net\n")
    assert take("special", "--rating", "4")[-2:] == [
        "  1 the category 'special' is not for filters",
        "    special: ",
    ]


def test_a_table_and_a_label_file_and_services(home):
    write("t.csv", f"url,rating,service\nexample.com,3,\nhttp://example.com/a,n=1,{RSAC}\nexample.net,7,\n")
    write(
        "labels.lab",
        f'(PICS-1.1 "{RSAC}" l gen true for "http://h.test/" r (n 2 s 1))\n(PICS-1.1 "{SERVICE}" l r (lv 1))',
    )
    assert take("t.csv", "labels.lab") == [
        "t: 3 new, 0 changed, 0 as before",
        "lines skipped:",
        "  1 a label that does not say which URL it is about",
        "    labels.lab:2:46: http://www.iajapan.org/rating/",
        "  1 no rating of SafetyOnline2",
        "    t.csv:4:2: example.net,7,",
        "exit 1",
    ]
    assert kept() == {"http://example.com+*": "3", "http://example.com/a": "n=1", "http://h.test/+": "n=2 s=1"}


def test_what_somebody_rated_by_hand_stays(home):
    rate_by_hand(StoredLabel(SERVICE, "http://example.com", (("lv", 0),), True, True))
    write("list.txt", "example.com\nexample.net\n")
    assert take("list.txt", "--rating", "4") == ["list: 1 new, 0 changed, 0 as before, 1 kept as rated by hand"]
    assert kept() == {"http://example.com+*": "0", "http://example.net+*": "4"}


def test_of_two_lists_the_higher_rating_stays_whichever_comes_last(home):
    write("strict.txt", "example.com\n")
    write("mild.txt", "example.com\nexample.net\n")
    take("strict.txt", "--rating", "4")
    assert take("mild.txt", "--rating", "1") == [
        "mild: 1 new, 0 changed, 0 as before, 1 kept as another list rates higher"
    ]
    assert take("strict.txt", "--rating", "3") == ["strict: 0 new, 1 changed, 0 as before"]  # its own may come down
    assert kept() == {"http://example.com+*": "3", "http://example.net+*": "1"}


def test_replace_withdraws_what_the_new_file_lacks_but_not_most_of_it(home):
    rate_by_hand(StoredLabel(SERVICE, "http://hand.test", (("lv", 1),), True))
    write("list.txt", "a.test\nb.test\nc.test\n")
    take("list.txt", "--rating", "2")
    write("other.txt", "o.test\n")
    take("other.txt", "--rating", "2")
    write("list.txt", "a.test\nb.test\nd.test\n")
    assert take("list.txt", "--rating", "2", "--replace") == ["list: 1 new, 0 changed, 2 as before, 1 withdrawn"]
    write("list.txt", "d.test\n")
    with pytest.raises(SfsError, match="2 of 3 labels of 'list' are not in the new files: none was withdrawn"):
        take("list.txt", "--rating", "2", "--replace")
    assert len(kept()) == 5
    take("list.txt", "--rating", "2", "--replace", "--accept-smaller")
    assert set(kept()) == {"http://d.test+*", "http://o.test+*", "http://hand.test+"}


@pytest.mark.parametrize(
    ("files", "arguments", "what"),
    [
        ({"l.txt": "example.com\n"}, (), "what are its pages rated?"),
        ({"l.txt": "<html>\n"}, ("--rating", "3"), "this is a web page, not a list"),
        ({"l.csv": "a,b\n1,2\n"}, ("--format", "csv"), "which columns are URL and rating"),
        ({"l.txt": "(PICS-1.1 "}, ("--rating", "3"), "--rating for labels that have their own"),
        ({"l.txt": "example.com\n"}, ("--rating", "3", "--service", RSAC), "--rating is of SafetyOnline2 alone"),
        ({"l.txt": "\0\1\2\3"}, ("--rating", "3"), "this is not text"),
        ({"l.txt/x": "example.com\n"}, ("--rating", "3"), "no folder in it holds domains or urls"),
    ],
)
def test_what_cannot_be_imported_is_refused_before_anything_is_written(home, files, arguments, what):
    for path, text in files.items():
        write(path, text)
    with pytest.raises(SfsError, match=what):
        take(next(iter(files)).partition("/")[0], *arguments)
    assert not Path("state/labels.db").exists()


def test_one_label_that_cannot_be_kept_costs_no_other(home):
    rows = "".join(f"http://example.com/{n},{'a' * 2500 if n == 37 else 'x'},1\n" for n in range(100))
    write("t.csv", f"url,comment,rating\n{rows}")
    said = take("t.csv")
    assert said[0] == "t: 99 new, 0 changed, 0 as before"
    assert said[-3:-1] == ["  1 a label that cannot be kept (E_TEXT)", said[-2]]
    assert "t.csv:39: http://example.com/37" in said[-2]


def test_a_run_that_was_interrupted_is_gone_on_with(home, monkeypatch):
    write("list.txt", "".join(f"n{n}.test\n" for n in range(95)))
    given_to_store = LabelStore.rate
    calls = []

    def rate_until_the_power_goes(self, labels, *, who):
        calls.append(1)
        if len(calls) == 5:
            raise SfsError("the disk is full")
        return given_to_store(self, labels, who=who)

    with monkeypatch.context() as patched, pytest.raises(SfsError, match="disk is full"):
        patched.setattr(LabelStore, "rate", rate_until_the_power_goes)
        take("list.txt", "--rating", "2", "--batch", "10")
    assert len(kept()) == 40
    assert take("list.txt", "--rating", "2") == ["list: 55 new, 0 changed, 0 as before, 40 taken by the run before"]
    assert len(kept()) == 95
    assert take("list.txt", "--rating", "2") == ["list: 0 new, 0 changed, 95 as before"]


def test_a_journal_is_not_believed_by_a_store_that_was_begun_anew(home, monkeypatch):
    write("list.txt", "".join(f"n{n}.test\n" for n in range(25)))
    monkeypatch.setattr(Journal, "close", lambda self: None)
    take("list.txt", "--rating", "2", "--batch", "10")
    for path in Path("state").glob("labels.db*"):
        path.unlink()
    assert take("list.txt", "--rating", "2") == ["list: 25 new, 0 changed, 0 as before"]


@pytest.mark.parametrize(("format_", "name"), [("csv", "out.csv"), ("pics", "out.lab")])
def test_what_is_exported_fills_an_empty_store_again(home, format_, name):
    rate_by_hand(StoredLabel(SERVICE, "http://hand.test", (("lv", 1),), True, comment='"a"'))
    write("t.csv", f"url,rating,service\nexample.com,3,\nhttp://example.com/a,n=1,{RSAC}\n")
    take("t.csv")
    before = kept()
    assert run(export, "--format", format_, "-o", name) == f"3 labels in {name}\n"
    printed = run(export, "--format", format_, "--service", RSAC)
    assert printed.count("example.com/a") == 1 and "hand.test" not in printed
    for path in Path("state").glob("labels.db*"):
        path.unlink()
    take(name)
    assert kept() == before
    rate_by_hand(StoredLabel(SERVICE, "http://hand.test", (("lv", 2),), True))  # which stays by hand
    assert take(name)[0].startswith(f"out: 0 new, 1 changed, {len(before) - 1} as before")


def test_an_export_that_fails_leaves_the_old_file(home):
    rate_by_hand(StoredLabel(SERVICE, "http://hand.test", (("lv", 1),), True))
    write("out.csv", "old")
    with pytest.raises(SfsError, match="no labels of"):
        run(export, "-o", "out.csv", "--service", "http://other.test/")
    Path("taken").mkdir()
    Path("taken/.out.csv.part").mkdir()
    with pytest.raises(SfsError, match="cannot be written"):
        run(export, "-o", "taken/out.csv")
    assert Path("out.csv").read_text() == "old"


def test_of_two_exports_at_once_each_writes_a_whole_file(tmp_path):
    out, begun, go_on = tmp_path / "labels.csv", threading.Event(), threading.Event()

    def slow() -> Iterator[str]:
        yield "first, "
        begun.set()
        go_on.wait(20)
        yield "second\n"

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(bureau_import._write, out, slow())
        assert begun.wait(20)
        other = pool.submit(bureau_import._write, out, ["another one, whole\n"])
        wait([other], timeout=0.2)
        go_on.set()
        one.result()
        other.result()
    assert out.read_text() in ("first, second\n", "another one, whole\n")
    assert [path.name for path in tmp_path.iterdir()] == ["labels.csv"]


def test_the_same_in_postgresql(home, postgres):
    database = postgres.database()
    write("t.csv", f"url,rating,service\nexample.com,3,\nhttp://example.com/a,n=1,{RSAC}\n")
    assert take("t.csv", "--database", database)[0] == "t: 2 new, 0 changed, 0 as before"
    write("t.csv", "url,rating\nexample.com,2\n")
    assert take("t.csv", "--database", database, "--replace")[0] == "t: 0 new, 1 changed, 0 as before, 1 withdrawn"
    assert "http://example.com,2,yes,yes" in run(export, "--database", database)
    assert not Path("state/labels.db").exists()


def test_a_service_with_its_description_takes_no_other_ratings(home):
    other = "http://ratings.example.com/v1"
    rat = f"""((PICS-version 1.1) (rating-system "{other}") (rating-service "{other}") (name "Blue")
      (category (transmit-as "b") (name "Blueness") (min 0) (max 3) (integer true)))"""
    write("blue.rat", rat)
    write("t.csv", f"url,rating,service\nexample.com,b=3,{other}\nexample.net,b=4,{other}\nexample.org,c=1,{other}\n")
    assert take("blue.rat", "t.csv") == [
        "blue: 1 new, 0 changed, 0 as before, 1 services described",
        "lines skipped:",
        "  2 a rating that its service does not allow",
        next(line for line in take("t.csv") if "t.csv:3: http://example.net" in line),
        "exit 1",
    ]
    store = LabelStore.open("state/labels.db")
    kept_service = store.service(other)
    store.close()
    assert kept_service is not None and (kept_service.rat, kept_service.name) == (rat, "Blue")
    write("bad.rat", rat.replace("(max 3)", "(max"))
    with pytest.raises(SfsError, match=r"bad.rat:"):
        take("bad.rat")
