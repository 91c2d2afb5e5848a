"""The pages of the self-check: one that loads the probes, and one that says in plain words what came of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from sfs.core.probes import FORM_FIELDS, PROBES, QUESTION, SCHEMES
from sfs.web.answer import PageAnswer, plain_headers
from sfs.web.reasons import on_scale
from sfs.web.render import page
from sfs.web.texts import Language, texts_for

WAIT: Final = 5  # seconds after which a browser without scripts goes on to the result
# A frame by scheme: no policy can name a host that ends in a dot. What stands on the page is ours alone.
_POLICY: Final = (
    "; frame-src http: https:; script-src 'self'"
    "; connect-src ws://socket.probe.sfs.home.arpa wss://socket.probe.sfs.home.arpa"
    " http://question.probe.sfs.home.arpa https://question.probe.sfs.home.arpa"
)
_FORMS: Final = "http://form.probe.sfs.home.arpa https://form.probe.sfs.home.arpa"
_PROBE: Final = b"<!doctype html><title>SFS</title>\n"

type Sight = Literal["whole", "name", "refused", "none"]
type Remedy = Literal["level", "names", "address", "certificate", "mode"]

# What closes a way; "level" closes those that are not named here. On secure pages the certificate does, or the mode
# in which it counts.
_REMEDIES: Final[Mapping[str, Remedy]] = {"address": "address", "vpn": "names", "dns": "names", "question": "names"}
_NAMED: Final = ("vpn", "address", "listed", "spelled", "dot", "port", "socket")  # what a name says is seen without it


@dataclass(frozen=True, slots=True)
class Ways:
    """A way over plain HTTP and over HTTPS: closed (True), open (False), or None where nothing came."""

    plain: bool | None
    secure: bool | None


@dataclass(frozen=True, slots=True)
class Came:
    """What came of a run. `sight`: what is seen of secure pages, as this browser showed it. `scripted`: whether it
    fetched the script."""

    ways: Mapping[str, Ways]
    sight: Sight
    scripted: bool


@dataclass(frozen=True, slots=True)
class Here:
    """What holds on this device. `level`: None where the policy is no level's. `inspects`: whether the filter's mode
    looks into secure pages where the certificate is. `paused`: the filter is, and what is open now may not be later."""

    level: int | None
    inspects: bool
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Ways that are closed in the same manner. `secure`: they are open on secure pages alone."""

    remedy: Remedy
    secure: bool
    names: tuple[str, ...]


def check_page(language: Language, run: str) -> PageAnswer:
    """200: loads each probe in a frame nobody sees, then goes on to the result of `run`."""
    texts = texts_for(language)
    result = f"/check/result?run={run}"
    urls = {
        manner: [probe.of_run(run, scheme) for scheme in SCHEMES for probe in PROBES if probe.manner == manner]
        for manner in ("frame", "form", "fetch", "socket")
    }
    return page(
        "check.html",
        200,
        texts,
        policy=_POLICY,
        form_to=_FORMS,
        urls=urls,
        fields=FORM_FIELDS,
        question=QUESTION,
        run=run,
        result=result,
        wait=WAIT,
    )


def check_script() -> PageAnswer:
    """200: what sends forms and questions, opens WebSockets, and goes on when all has come."""
    return PageAnswer(200, plain_headers("text/javascript; charset=utf-8"), _script())


def probe_answer(*, closed: bool) -> PageAnswer:
    """What a probe gets: 403, or an empty page in the place of what would have opened."""
    return PageAnswer(403 if closed else 200, plain_headers("text/html; charset=utf-8"), _PROBE)


def form_answer(path: str) -> PageAnswer:
    """303: what a web proxy says to its filled-in form."""
    return PageAnswer(303, (*plain_headers("text/html; charset=utf-8"), ("Location", path)), b"")


def preflight_answer() -> PageAnswer:
    """204: our page may ask what its script asks. Spec: WHATWG Fetch, CORS-preflight fetch."""
    allowed = (
        ("Access-Control-Allow-Origin", "http://sfs.home.arpa"),
        ("Access-Control-Allow-Methods", "POST"),
        ("Access-Control-Allow-Headers", "content-type"),
    )
    return PageAnswer(204, (("Cache-Control", "no-store"), *allowed), b"")


def result_page(language: Language, came: Came, here: Here) -> PageAnswer:
    """200: the ways that are open, by what closes them; those that are closed; those that nobody tried, and why."""
    texts = texts_for(language)
    states = {name: _state(ways) for name, ways in came.ways.items()}
    groups, untried = _groups(states, here), _untried(states, scripted=came.scripted)
    return page(
        "check_result.html",
        200,
        texts,
        groups=groups,
        opened=sum(len(group.names) for group in groups),
        closed=[name for name, state in states.items() if state == "closed"],
        untried=untried,
        all=len(states),
        tried=len(states) - sum(map(len, untried.values())),
        sight=came.sight,
        level=on_scale(here.level),
        paused=here.paused,
    )


def _state(ways: Ways) -> str:
    """One that is closed on plain pages and open on secure ones still is a way round."""
    if ways.plain is False:
        return "open"
    if ways.secure is False:
        return "secure"
    return "none" if ways.plain is None and ways.secure is None else "closed"


def _groups(states: Mapping[str, str], here: Here) -> list[Group]:
    whole: Remedy = "certificate" if here.inspects else "mode"
    found: dict[tuple[bool, Remedy], list[str]] = {}
    for name, state in states.items():
        if state in ("open", "secure"):
            own = _REMEDIES.get(name, "level")
            secure = state == "secure"
            found.setdefault((secure, whole if secure and name not in _NAMED else own), []).append(name)
    return [Group(remedy, secure, tuple(names)) for (secure, remedy), names in found.items()]


def _untried(states: Mapping[str, str], *, scripted: bool) -> dict[str, list[str]]:
    """Why nothing came: `itself` (the proxy could not), `unscripted` (the script never ran), `none` (nobody knows)."""
    found: dict[str, list[str]] = {}
    for probe in PROBES:
        if states[probe.name] == "none":
            by_script = probe.manner not in ("frame", "ourselves")
            reason = "itself" if probe.manner == "ourselves" else "unscripted" if by_script and not scripted else "none"
            found.setdefault(reason, []).append(probe.name)
    return found


@cache
def _script() -> bytes:
    return files("sfs.web").joinpath("templates/check.js").read_bytes()
