"""The pages of the self-check: one that loads the probes, and one that says in plain words what came of them."""

from collections.abc import Mapping, Sequence
from typing import Final

from sfs.web.answer import PageAnswer, plain_headers
from sfs.web.reasons import on_scale
from sfs.web.render import page
from sfs.web.texts import Language, texts_for

WAIT: Final = 5  # seconds until the page goes on to its result
_SCRIPT: Final = b"""const run = document.currentScript.dataset.run;
try {
  new WebSocket("ws://socket.probe.sfs.home.arpa/?run=" + run);
} catch {
  // The browser itself refused: nothing came, and the page says so.
}
"""
_POLICY: Final = (
    "; frame-src http://*.probe.sfs.home.arpa:* http://192.0.2.33; script-src 'self'"
    "; connect-src ws://socket.probe.sfs.home.arpa"
)
_PROBE: Final = b"<!doctype html><title>SFS</title>\n"


def check_page(language: Language, urls: Sequence[str], run: str) -> PageAnswer:
    """200: loads each of `urls` in a frame nobody sees, then goes on to the result of `run`."""
    texts = texts_for(language)
    result = f"/check/result?run={run}"
    return page("check.html", 200, texts, policy=_POLICY, urls=urls, run=run, result=result, wait=WAIT)


def check_script() -> PageAnswer:
    """200: what opens the WebSocket."""
    return PageAnswer(200, plain_headers("text/javascript; charset=utf-8"), _SCRIPT)


def probe_answer(*, closed: bool) -> PageAnswer:
    """What a probe gets: 403, or an empty page in the place of what would have opened."""
    return PageAnswer(403 if closed else 200, plain_headers("text/html; charset=utf-8"), _PROBE)


def result_page(
    language: Language, states: Mapping[str, bool | None], by_name: frozenset[str], level: int | None
) -> PageAnswer:
    """200: of each probe whether it is closed (True), open (False), or never came (None), and how to close it.
    `by_name`: those that secure pages leave open on this device; one that is closed on others still is a way round."""
    texts = texts_for(language)
    rows = [(name, _state(closed, secure_is_open=name in by_name)) for name, closed in states.items()]
    opened = sum(state in ("open", "secure") for _, state in rows)
    return page("check_result.html", 200, texts, rows=rows, opened=opened, level=on_scale(level))


def _state(closed: bool | None, *, secure_is_open: bool) -> str:
    if closed is None:
        return "none"
    return "open" if not closed else "secure" if secure_is_open else "closed"
