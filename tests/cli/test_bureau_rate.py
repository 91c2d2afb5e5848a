"""`sfs bureau rate, query, history`."""

import json
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from sfs.cli.bureau_rate import moment_of
from sfs.cli.main import cli
from sfs.errors import SfsError
from sfs.sources.labels import LabelStore

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
RSAC = "http://www.rsac.org/ratingsv01.html"


@pytest.fixture(params=["state", "database", "postgres"])
def where(request, tmp_path):
    """The options that name a store, of each kind."""
    if request.param == "state":
        return ["--state", str(tmp_path / "state")]
    if request.param == "database":
        return ["--database", str(tmp_path / "other.db")]
    return ["--database", request.getfixturevalue("postgres").database()]


@pytest.fixture
def state(tmp_path):
    return ["--state", str(tmp_path / "state")]


def bureau(*arguments):
    """What a command prints, and its exit code; SfsError as the program itself gets it."""
    result = CliRunner().invoke(cli, ["bureau", *arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.output, result.return_value


def test_a_rating_is_found_and_so_is_its_history(where):
    rated = bureau("rate", "example.com/a", "3", "--by", "yamada", "--comment", "見た", *where)
    assert rated == ("example.com/a: rated: lv 3\n", 0)
    assert bureau("rate", "http://example.com/a", "2", "--by", "sato", *where)[0].endswith(": rated anew: lv 2\n")
    assert bureau("rate", "http://example.com/a", "2", "--by", "sato", *where)[0].endswith(
        ": was rated so already: lv 2\n"
    )
    assert bureau("rate", "http://example.com/", "1", "--below", "--until", "2999-12-31", "--by", "s", *where)[1] == 0
    output, code = bureau("query", "https://example.com/a", "http://www.example.com/b", *where)
    assert code == 0
    page, host = output.splitlines()
    assert page.startswith("https://example.com/a: lv 2 for http://example.com/a (this page), http://www.iajapan.org/")
    assert "lv 1 for http://example.com/ (it and the hosts below)" in host and ", by s, on 20" in host
    assert bureau("rate", "http://example.com/a", "none", "--by", "sato", *where) == (
        "http://example.com/a: taken back\n",
        0,
    )
    assert bureau("rate", "http://example.com/a", "none", "--by", "s", *where) == (
        "http://example.com/a: was not rated\n",
        1,
    )
    output, code = bureau("history", "http://example.com/a", *where)
    assert code == 0
    assert [line.split("  ")[2].split(",")[0] for line in output.splitlines()] == [
        "yamada: this page: lv 3", "sato: this page: lv 2", "sato: this page: taken back",
    ]  # fmt: skip
    assert '"見た"' in output.splitlines()[0]


def test_a_bare_name_is_the_site_as_in_lists_and_tables(where):
    reach = " (it and the hosts below)"
    assert bureau("rate", "example.com", "3", "--by", "s", *where)[0] == f"example.com: rated: lv 3{reach}\n"
    output, code = bureau("query", "example.com", "http://www.example.com/x", "https://example.com:8443/", *where)
    assert code == 0 and output.count(f"lv 3 for http://example.com{reach}") == 3
    assert f"  s: {reach.strip(' ()')}: lv 3" in bureau("history", "example.com", *where)[0]
    output, code = bureau("history", "http://www.example.com/x", *where)
    assert code == 1 and output.splitlines() == [
        "http://www.example.com/x: never rated",
        "  it has the label of http://example.com: sfs bureau history http://example.com",
    ]
    bureau("rate", "example.com", "2", "--generic", "--by", "s", *where)
    assert bureau("query", "http://example.com/x", "http://www.example.com/", *where)[1] == 1  # this host alone
    assert bureau("rate", "example.com", "none", "--by", "s", *where) == ("example.com: taken back\n", 0)
    assert bureau("query", "example.com", *where)[1] == 1


def test_json_has_a_line_for_each_url(state):
    bureau("rate", "http://example.com/a/", "4", "--generic", "--by", "yamada", *state)
    output, code = bureau("query", "example.com/a/b", "http://other.test/", "--json", *state)
    first, second = map(json.loads, output.splitlines())
    assert code == 1
    assert first["url"] == "example.com/a/b" and first["canonical"] == "http://example.com/a/b"
    (label,) = first["labels"]
    assert (label["for"], label["generic"], label["ratings"], label["rating"]) == (
        "http://example.com/a/", True, {"lv": 4}, 4,
    )  # fmt: skip
    assert second["labels"] == []
    (change,) = map(json.loads, bureau("history", "http://example.com/a/", "--json", *state)[0].splitlines())
    assert (change["serial"], change["who"], change["label"]) == (1, "yamada", label)


def test_a_page_without_label_is_told(state):
    bureau("rate", "http://example.com/", "0", "--by", "s", *state)
    assert bureau("query", "http://example.com/x", *state) == ("http://example.com/x: not rated\n", 1)
    assert bureau("query", "http://example.com/", "--generic", *state) == ("http://example.com/: not rated\n", 1)
    assert bureau("history", "http://example.com/x", *state) == ("http://example.com/x: never rated\n", 1)


def test_another_service_is_rated_by_its_categories(state, tmp_path):
    with closing(LabelStore.open(tmp_path / "state" / "labels.db")) as store:
        store.add_service(RSAC, name="RSACi")
    bureau("rate", "http://example.com/", "n=2, s=0", "--service", RSAC, "--by", "s", *state)
    bureau("rate", "http://example.com/", "1", "--by", "s", *state)
    output, _ = bureau("query", "http://example.com/", *state)
    assert [line.split(" for ")[0] for line in output.splitlines()] == [
        "http://example.com/: lv 1", "http://example.com/: n 2 s 0",
    ]  # fmt: skip
    for alias in (RSAC, "https://rsac.org/ratingsv01.html/", "http://www.rsac.org/"):
        assert bureau("query", "http://example.com/", "--service", alias, *state)[0].count("\n") == 1
    for bad in ("2", "n", "n=", "n=x", "n=2)(s=1", "n=1,n=2"):
        with pytest.raises(SfsError):
            bureau("rate", "http://example.com/", bad, "--service", RSAC, "--by", "s", *state)


ONE = """((PICS-version 1.1) (rating-system "http://a.example/") (rating-service "http://a.example/r/") (name "A")
  (description "-") (default (integer true) (min 0) (max 3)) (category (transmit-as "age") (name "Age")))"""


def test_a_description_says_which_ratings_a_service_has(state, tmp_path):
    with closing(LabelStore.open(tmp_path / "state" / "labels.db")) as store:
        store.add_service("http://a.example/r/", ONE, "A")
    options = ["--service", "http://a.example/r/", "--by", "s", *state]
    assert bureau("rate", "http://example.com/", "2", *options) == ("http://example.com/: rated: age 2\n", 0)
    for bad in ("4", "1.5", "n=1", "age=-1"):
        with pytest.raises(SfsError) as fault:
            bureau("rate", "http://example.com/", bad, *options)
        assert fault.value.mend.endswith("; they are age")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["http://example.com/", "5"], "'5' is no rating of SafetyOnline2"),
        (["http://example.com/", "-1"], "'-1' is no rating of SafetyOnline2"),
        (["http://example.com/", "1.5"], "'1.5' is no rating of SafetyOnline2"),
        (["http://example.com/", "n=1"], "'n=1' is no rating of SafetyOnline2"),
        (["http://", "1"], "no URL: 'http://'"),
        (["http://%zz/", "1"], "no URL: 'http://%zz/'"),
        (["news:x", "1"], "no URL: 'news:x'"),
        (["http://example.com/x", "1", "--below"], "'http://example.com/x' is no whole host"),
        (["http://example.com/", "1", "--until", "tomorrow"], "'tomorrow' is no date"),
        (["http://example.com/", "1", "--until", "2027-02-30"], "'2027-02-30' is no date"),
        (["http://example.com/", "1", "--until", "2001-01-01"], "2001-01-01 is over"),
        (["http://example.com/", "1", "--service", RSAC], f"no labels of '{RSAC}' are kept here"),
        (["http://example.com/", "1", "--by", "a\x1bb"], "holds control characters"),
        (["http://example.com/", "1", "--comment", "x" * 3000], "the comment has 3000 characters"),
    ],
)
def test_what_cannot_be_meant_is_told(state, arguments, what):
    with pytest.raises(SfsError) as fault:
        bureau("rate", "--by", "s", *state, "--", *arguments) if "-1" in arguments else bureau(
            "rate", *arguments, *([] if "--by" in arguments else ["--by", "s"]), *state
        )
    assert what in str(fault.value) and fault.value.mend


def test_a_store_that_is_not_there_is_made_by_a_rating_alone(tmp_path, state):
    for arguments in (["query", "http://example.com/"], ["history", "http://example.com/"]):
        with pytest.raises(SfsError, match="nothing is rated yet"):
            bureau(*arguments, *state)
    assert not (tmp_path / "state").exists()
    with pytest.raises(SfsError, match="no store of labels is kept in 'mysql'"):
        bureau("query", "http://example.com/", "--database", "mysql://x:secret@host/db")
    with pytest.raises(SfsError) as fault:
        bureau("query", "http://example.com/", "--database", "postgresql://x:secret@127.0.0.1:1/db")
    assert "does not answer" in str(fault.value) and "secret" not in str(fault.value)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2027-03-31T18:00+09:00", datetime(2027, 3, 31, 9, 0, tzinfo=UTC)),
        ("2027.03.31T18:00+0900", datetime(2027, 3, 31, 9, 0, tzinfo=UTC)),
        ("2027-03-31", datetime(2027, 3, 31, 23, 59, 59).astimezone(UTC)),
        ("2027-03-31T18:00:00.5Z", datetime(2027, 3, 31, 18, 0, tzinfo=UTC)),
    ],
)
def test_an_end_is_a_day_or_a_moment(text, moment):
    assert moment_of(text, NOW) == moment
    with pytest.raises(SfsError, match="is over"):
        moment_of(text, moment + timedelta(seconds=1))
