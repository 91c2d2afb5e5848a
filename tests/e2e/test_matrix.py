"""Levels x pages x HTTP, HTTPS opened, HTTPS by name x documents and parts of pages, with curl through `sfs run`:
each is shown or blocked as cases.py says by hand, as `sfs explain` says, and by the same check.

Two proxies answer everything: one opens HTTPS, one judges it by name. A group of readers is an address on loopback.
All requests of a group go through one curl; the tests look at what came back."""

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

import sfs.cli.common
import sfs.cli.explain
from tests.e2e.batch import Answer, Batch
from tests.e2e.cases import CHECKS_OF_RESPONSE, CLIENTS, GROUPS, Case, cases, configuration
from tests.e2e.proxy import ROOT, Proxy

CASES = {case.id: case for case in cases()}
WAYS = (("http", "doc"), ("http", "sub"), ("inspect", "doc"), ("inspect", "sub"), ("name", "doc"))
ACCEPTS = {"doc": "text/html,application/xhtml+xml,*/*;q=0.8", "sub": "image/avif,image/webp,*/*;q=0.8"}
DESTINATIONS = {
    "doc": ("document", "iframe", "object", "embed", "frame"),
    "sub": ("image", "script", "style", "font", "empty", "audio", "worker", "manifest"),
}
CODE = re.compile(rb'class="code"><span>([A-Z2-7]{5})</span><span>([A-Z2-7]{5})</span>')

type Key = tuple[str, str, str, str]  # case, group, transport, kind


@dataclass(frozen=True)
class Live:
    """All that was fetched. `log`: the decision log by code."""

    answers: dict[Key, Answer]
    log: dict[str, dict]
    lines: list[str]
    ports: dict[str, int]  # of the origin, by scheme
    configs: dict[str, Path]  # by HTTPS mode


def url_of(case: Case, transport: str, ports: dict[str, int]) -> str:
    scheme = "http" if transport == "http" else "https"
    return f"{scheme}://{case.host}:{ports[scheme]}{case.path}"


def request_headers(case: Case, transport: str, kind: str) -> list[str]:
    """Browsers send Sec-Fetch-Dest over HTTPS alone. Each case takes another one of those that mean the same."""
    accept = [f"Accept: {ACCEPTS[kind]}"] + ([f"Content-Type: {case.data_type}"] if case.data_type else [])
    destinations = DESTINATIONS[kind]
    destination = destinations[list(CASES).index(case.id) % len(destinations)]
    return accept if transport == "http" else [*accept, f"Sec-Fetch-Dest: {destination}"]


@pytest.fixture(scope="module")
def live(start, origin, certificates, tmp_path_factory) -> Live:
    """Everything asked once; both proxies have ended when the tests look."""
    folder = tmp_path_factory.mktemp("matrix")
    for case in CASES.values():
        origin.replies[case.host + case.path] = case.reply()
    ports = {"http": origin.http, "https": origin.https}
    found = Live({}, {}, [], ports, {})
    for mode in ("inspect", "sni"):
        lists = tmp_path_factory.mktemp("lists")
        with start(configuration(lists, origin.http, mode)) as proxy:
            found.configs[mode] = proxy.config_file
            for group in GROUPS:
                found.answers.update(_ask(proxy, group, mode, ports, certificates[0], folder))
            found.lines.extend(proxy.lines)
        for path in (proxy.state / "log").glob("decisions-*.jsonl"):
            records = map(json.loads, path.read_text().splitlines())
            found.log.update({record["code"]: record for record in records})
    arrived = Counter(asked.headers.get("x-case", "") for asked in origin.seen)
    for key, answer in found.answers.items():
        answer.arrived = arrived[" ".join(key)]
    return found


def _ask(proxy: Proxy, group: str, mode: str, ports: dict, origin_ca: Path, folder: Path) -> dict[Key, Answer]:
    answers: dict[Key, Answer] = {}
    for transport, kind in WAYS:
        if (transport == "name") != (mode == "sni"):
            continue
        for opened in (True, False):
            # Only the CA that is meant to be met: by name and for hosts that are never decrypted the origin's own.
            trust = proxy.ca if transport == "inspect" and opened else origin_ca
            part = folder / f"{group}-{transport}-{kind}-{opened}"
            part.mkdir()
            batch: Batch[Key] = Batch(proxy, part)
            way = f"{transport}-{kind}"
            chosen = [case for case in CASES.values() if case.opened is opened and way in case.ways]
            for case in chosen:
                key = (case.id, group, transport, kind)
                batch.add(
                    key,
                    url_of(case, transport, ports),
                    client=CLIENTS[group],
                    headers=[*request_headers(case, transport, kind), f"X-Case: {' '.join(key)}"],
                    trust=trust,
                    data=case.data,
                    options=["path-as-is"] if case.as_is else [],
                )
            answers |= batch.run()
    return answers


def outcome(case: Case, answer: Answer) -> str:
    """shown or blocked; anything else as a text that says what came."""
    if answer.connect in (403, 451) and answer.status == 0:
        return "blocked" if answer.exit == 56 and not answer.body else f"odd refusal: {answer}"
    if answer.status == case.status and answer.body == case.sent:
        return "shown"
    ours = "no-store" in answer.head.lower() and "content-encoding" not in answer.head.lower()
    clean = all(case.mark.encode(codec) not in answer.body for codec in ("ascii", "utf-16-le", "utf-16-be"))
    if answer.status in (403, 451) and ours and clean:
        return "blocked"
    return f"{answer.status} exit {answer.exit} {answer.error} {answer.head[:300]} {answer.body[:100]!r}"


WAYS_OF_CASES = [(case.id, *way) for case in CASES.values() for way in WAYS if "-".join(way) in case.ways]


@pytest.mark.parametrize(("name", "transport", "kind"), WAYS_OF_CASES)
def test_it_is_shown_to_those_whom_the_table_names_and_to_nobody_else(live, name, transport, kind):
    case = CASES[name]
    said = {group: outcome(case, live.answers[name, group, transport, kind]) for group in GROUPS}
    shown = case.shown(transport, kind)
    assert said == {group: "shown" if group in shown else "blocked" for group in GROUPS}


class Explainer:
    """`sfs explain` in this process, with each configuration loaded once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.folder = folder
        self._loaded: dict[str, object] = {}
        monkeypatch.setattr(sfs.cli.explain, "load", self._load)

    def _load(self, arguments: dict) -> object:
        key = str(arguments["config"])
        if key not in self._loaded:
            self._loaded[key] = sfs.cli.common.load(arguments)
        return self._loaded[key]

    def __call__(self, *arguments: str) -> dict:
        done = CliRunner().invoke(sfs.cli.explain.command, ["--json", *arguments], standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def explain(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield Explainer(patch, tmp_path_factory.mktemp("explain"))


def facts_of(case: Case, group: str, transport: str, kind: str, live: Live, folder: Path) -> list[str]:
    """The arguments of `sfs explain` for the same request and response."""
    mode = "sni" if transport == "name" else "inspect"
    html = folder / f"{case.id}.html"
    if not html.is_file():
        html.write_bytes(replace(case, coding="").sent)
    response = [f"{name}: {value}" for name, value in case.headers]
    response += [] if case.type is None else [f"Content-Type: {case.type}"]
    headers = [part for line in request_headers(case, transport, kind) + response for part in ("--header", line)]
    what = [] if case.type in ("application/pdf", "text/plain") else ["--html", str(html)]
    return ["--config", str(live.configs[mode]), "--https", mode, "--client", CLIENTS[group], *headers, *what]


def highest_blocked(case: Case, transport: str) -> str | None:
    """The highest of levels 1 to 4 that does not show this document."""
    return max((level for level in "1234" if level not in case.shown(transport, "doc")), default=None)


@pytest.mark.parametrize(("name", "transport", "kind"), [row for row in WAYS_OF_CASES if not CASES[row[0]].data])
def test_explain_says_the_same(live, explain, name, transport, kind):
    case = CASES[name]
    for group in GROUPS:
        answer = live.answers[name, group, transport, kind]
        said = explain(
            *facts_of(case, group, transport, kind, live, explain.folder), url_of(case, transport, live.ports)
        )
        action = {"allow": "shown", "block": "blocked"}[said["action"]]
        assert (group, action) == (group, outcome(case, answer))
        if kind == "doc" and group == highest_blocked(case, transport):
            assert said["check"] == case.by or transport == "name"
        code = CODE.search(answer.body)
        if action == "blocked" and kind == "doc" and answer.status == 403:
            assert code is not None
            record = live.log[(code[1] + code[2]).decode()]
            assert (record["check"], record["host"]) == (said["check"], case.host)
        early = action == "blocked" and said["check"] not in CHECKS_OF_RESPONSE and said["reason"] != "cut"
        assert answer.arrived == (0 if early else 1), "what the origin saw"


def test_a_mandatory_block_is_451_and_names_nothing(live):
    for group in GROUPS:
        for transport in ("http", "inspect"):
            answer = live.answers["mandatory", group, transport, "doc"]
            assert answer.status == 451
            assert 'rel="blocked-by"' in answer.head
            assert b"law.test" not in answer.body
        assert live.answers["mandatory", group, "name", "doc"].connect == 451


def test_inspected_pages_come_over_http_2_on_both_sides(live, origin):
    versions = {a.version for (name, _, way, _), a in live.answers.items() if way == "inspect" and CASES[name].opened}
    assert versions == {"2"}
    upstream = {a.headers.get("x-protocol") for a in origin.seen if " inspect " in a.headers.get("x-case", "")}
    assert upstream == {"h2"}


def test_nothing_went_wrong_inside(live):
    text = "".join(live.lines)
    assert not re.search("Traceback|crashed|Addon error|a check failed", text), text


def test_the_command_itself_answers_many_urls_as_they_were_answered_live(live):
    """One process for each HTTPS mode, the URLs on its standard input; in the other tests it runs in this process."""
    early = [case for case in CASES.values() if case.by not in CHECKS_OF_RESPONSE and not case.data]
    chosen = [case for case in early if "name" in case.ways]
    for transport, mode in (("inspect", "inspect"), ("name", "sni")):
        urls = [url_of(case, transport, live.ports) for case in chosen]
        command = ["sfs", "explain", "-", "--json", "--https", mode, "--config", str(live.configs[mode])]
        done = subprocess.run(
            [sys.executable, "-m", *command, "--client", CLIENTS["2"]],
            input="\n".join(urls),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=60,
        )
        assert done.returncode == 1  # at least one is blocked
        said = [json.loads(line)["action"] == "allow" for line in done.stdout.splitlines()]
        live_ones = [outcome(case, live.answers[case.id, "2", transport, "doc"]) == "shown" for case in chosen]
        assert dict(zip(urls, said, strict=True)) == dict(zip(urls, live_ones, strict=True))
