"""`sfs explain`, `levels`, `settings`, `check` as a person calls them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def sfs(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "sfs", *arguments]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, cwd=ROOT, timeout=60)


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("config")
    path = folder / "sfs.yaml"
    path.write_text(
        f"level: 2\nstate: {folder / 'state'}\nblock: [blocked.test, page.test/x/]\n"
        "groups:\n- {name: small, clients: [192.0.2.0/24], level: 0}\n"
        "- {name: evening, users: [taro], level: 3, schedule: [{days: daily, from: '21:00', to: '06:00', level: 0}]}\n"
    )
    return path


def answers(config: Path, *arguments: str) -> list[dict]:
    done = sfs("explain", "--config", str(config), "--json", *arguments)
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_json_has_the_fields_of_the_contract(config):
    (answer,) = answers(config, "http://blocked.test/a")
    assert list(answer)[:7] == ["url", "canonical", "action", "check", "reason", "source", "rating"]
    assert list(answer)[7:] == ["level", "scope", "valid_until", "trace"]
    assert (answer["action"], answer["check"], answer["scope"]) == ("block", "entry", "host")
    assert answer["source"] == f"{config}:3 blocked.test"
    assert [step["check"] for step in answer["trace"]] == ["own", "help", "mandatory", "entry"]


def test_a_page_inside_another_is_judged_as_itself(config):
    urls = (
        "https://blocked-test.translate.goog/a",
        "https://www.google.com/url?q=https%3A%2F%2Fweb.archive.org%2Fweb%2F2020%2Fhttp%3A%2F%2Fblocked.test%2F",
        "https://blog.test/browse.php?u=aHR0cDovL2Jsb2NrZWQudGVzdC8&b=29",
        "https://blog.test/share?url=http%3A%2F%2Fblocked.test%2F",
    )
    sources = [answer["source"] for answer in answers(config, "--https", "inspect", *urls)]
    assert sources == [f"{config}:3 blocked.test"] * 3 + [None]


def test_response_checks_say_not_asked_without_a_response(config):
    (answer,) = answers(config, "http://plain.test/")
    said = {step["check"]: step["said"] for step in answer["trace"]}
    assert said["self-label"] == said["metadata-words"] == "not asked"
    (answer,) = answers(config, "http://plain.test/", "--title", "hello")
    said = {step["check"]: step["said"] for step in answer["trace"]}
    assert said["self-label"] == said["metadata-words"] == "no opinion"


def test_html_and_headers_are_judged(config, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<html><head><meta name="rating" content="adult"></head>')
    (answer,) = answers(config, "http://plain.test/", "--html", str(page))
    assert (answer["check"], answer["rating"]) == ("self-label", 4)
    (answer,) = answers(config, "http://plain.test/", "--header", "Rating: RTA-5042-1996-1400-1577-RTA")
    assert answer["check"] == "self-label"
    (answer,) = answers(config, "http://plain.test/", "--header", "Sec-Fetch-Dest: image", "--html", str(page))
    assert answer["action"] == "allow"


def test_by_name_a_path_entry_does_not_act(config):
    assert answers(config, "https://page.test/x/y", "--https", "inspect")[0]["action"] == "block"
    assert answers(config, "https://page.test/x/y", "--https", "sni")[0]["action"] == "allow"
    assert answers(config, "http://page.test/x/y", "--https", "sni")[0]["action"] == "block"


def test_client_user_and_time_choose_the_policy(config):
    assert answers(config, "http://plain.test/", "--client", "192.0.2.7")[0]["level"] == 0
    assert answers(config, "http://plain.test/", "--client", "198.51.100.7")[0]["level"] == 2
    day = answers(config, "http://plain.test/", "--user", "taro", "--at", "2026-04-01T12:00")[0]
    night = answers(config, "http://plain.test/", "--user", "taro", "--at", "2026-04-01T22:00")[0]
    assert (day["level"], night["level"]) == (3, 0)
    assert night["valid_until"].startswith("2026-04-02T06:00:00")
    assert answers(config, "http://plain.test/", "--user", "taro", "--at", "23:30")[0]["level"] == 0


def test_urls_come_from_standard_input_and_answers_in_order(config):
    urls = "plain.test\n\nhttp://blocked.test/\nhttp://[bad\n"
    done = sfs("explain", "--config", str(config), "--json", "-", stdin=urls)
    assert done.returncode == 1
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["url"] for row in rows] == ["plain.test", "http://blocked.test/", "http://[bad"]
    assert [row["check"] for row in rows] == ["unrated", "entry", "bad-request"]
    assert rows[2]["action"] == "block"


def test_a_line_past_the_bound_is_one_bad_request(config):
    long = [
        "http://plain.test/" + "x" * 200_000,
        "http://plain.test/" + "\u65e5" * 90_000,
        " " * 300_000 + "plain.test",
    ]
    fits = "http://plain.test/" + "x" * 60_000
    done = sfs("explain", "--config", str(config), "--json", "-", stdin="\n".join(["\ufeffplain.test", *long, fits]))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["check"] for row in rows] == ["unrated", *["bad-request"] * 3, "unrated"]
    assert (rows[0]["url"], rows[-1]["url"]) == ("plain.test", fits)
    assert max(len(row["url"]) for row in rows) <= 4 * 65_536


def test_answers_are_flushed_one_by_one(config):
    command = [sys.executable, "-m", "sfs", "explain", "--config", str(config), "--json", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        for host in ("plain.test", "blocked.test"):
            process.stdin.write(host + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["url"] == host
        process.stdin.close()
        assert process.wait(10) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--level", "2", "http://plain.test/"], 0, "shown"),
        (["--level", "0", "http://plain.test/"], 1, "blocked"),
        (["http://plain.test/"], 2, "no level is chosen"),
        (["--level", "7", "http://plain.test/"], 2, "--level"),
        (["--level", "2", "--at", "noon", "x.test"], 2, "--at 'noon' is no time"),
        (["--level", "2", "--client", "anna", "x.test"], 2, "--client 'anna' is no address"),
        (["--level", "2", "--header", "oops", "x.test"], 2, "is no header"),
        (["--level", "2", "--profile", "scool", "x.test"], 2, "school"),
        (["--level", "2"], 2, "URL"),
    ],
)
def test_exit_codes_and_messages(arguments, code, said):
    done = sfs("explain", *arguments)
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr


def test_text_is_printable_whatever_the_url_holds(config):
    done = sfs("explain", "--config", str(config), "http://plain.test/\x1b[31m\u202e")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout


def test_levels_are_printed_from_the_code():
    done = sfs("levels")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["level", "0", "1", "2", "3", "4"]
    assert "wrappers blocked" in done.stdout


def test_settings_are_a_table_in_both_languages():
    english, japanese = sfs("settings").stdout, sfs("settings", "--language", "ja").stdout
    assert len(english.splitlines()) == len(japanese.splitlines()) > 25
    assert "| `level` |" in english


def test_check_shows_values_origins_and_what_needs_the_certificate(config):
    done = sfs("check", "--config", str(config))
    assert done.returncode == 0, done.stderr
    assert "page.test/x/" in done.stdout
    assert "need the certificate" in done.stdout
    assert any(line.startswith("level ") and "2" in line for line in done.stdout.splitlines())


def test_check_lists_all_faults_at_once(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("level: 9\nunrated: maybe\nblok: [a.test]\n")
    done = sfs("check", "--config", str(path))
    assert done.returncode == 2
    for place in ("bad.yaml:1:", "bad.yaml:2:", "bad.yaml:3:"):
        assert place in done.stderr
    assert "did you mean block" in done.stderr


def test_python_m_sfs_and_version():
    assert sfs("--version").stdout.startswith("sfs, version ")
    assert "explain" in sfs("--help").stdout
