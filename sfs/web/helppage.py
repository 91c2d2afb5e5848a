"""The help page: is the filter on here, does the certificate work, what protects, how to set up a device.

It runs no script. That the filter is on is known by how the page was reached, or by a picture that loads only through
the proxy; that the certificate works by a picture that loads only with it. Where a picture does not load, the words in
its place say "not yet".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from markupsafe import Markup

from sfs.errors import SfsError
from sfs.web.answer import HELP_URL, PageAnswer, clean
from sfs.web.device import DeviceState, System
from sfs.web.helplines import HelpLineFields, shown_lines
from sfs.web.qr import qr_svg
from sfs.web.reasons import LEVELS, on_scale
from sfs.web.render import loadable, page
from sfs.web.steps import Device, device_steps, is_local
from sfs.web.texts import Language, Texts, texts_for

MAX_HELP_BYTES: Final = 64_000  # steps for seven systems; the pages that come unasked stay under half of it
MAX_HOST: Final = 100
MAX_PROTECTS: Final = 24
ON_URL: Final = HELP_URL + "on.svg"


@dataclass(frozen=True, slots=True)
class Protection:
    """One thing that protects now: a key of the catalogue's `protects`, and its figures."""

    key: str
    count: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class FilterState:
    """The filter as one device meets it. `proxy` is HOST:PORT as this device reaches it, `lan` as others in the house
    do (None: they do not); `level` None where only mandatory lists hold; `paused`: HH:MM when a pause ends, until which
    no level holds. `orange`: something is to be mended, which
    `warnings` name. `system`, `firefox`: what the reader's browser says it is. `certificate_name`: as a system lists
    it. `settings_url`: the page that sets the filter, None where this device does not reach it."""

    through_proxy: bool
    level: int | None
    proxy: str
    https: Literal["sni", "inspect", "auto"] = "sni"
    protects: Sequence[Protection | str] = ()
    record: Literal["blocked", "visits", "nothing"] = "blocked"
    retention_days: int = 7
    details_recorded: bool = False
    certificate: bool = False
    orange: bool = False
    warnings: Sequence[Protection] = ()
    device: DeviceState | None = None
    lan: str | None = None
    system: System | None = None
    firefox: bool = False
    certificate_name: str = "SFS"
    report_url: str | None = None
    settings_url: str | None = None
    paused: str = ""


def help_page(
    language: Language,
    state: FilterState,
    helplines: Sequence[HelpLineFields] = (),
    *,
    today: date | None = None,
    country: str | None = None,
) -> PageAnswer:
    """200: `http://sfs.home.arpa/`, and `/` of the proxy's own port."""
    texts = texts_for(language)
    proof = _proof(state)
    trust = _trust(state, proof)
    on = None if state.through_proxy else ON_URL
    values: dict[str, Any] = {
        "state": state,
        "level": on_scale(state.level),
        "levels": LEVELS,
        "proxy": clean(state.proxy, MAX_HOST),
        "protects": _protects(state.protects, texts),
        "warnings": _protects(state.warnings, texts),
        "on_url": on,
        "proof_url": proof,
        "trust": trust,
        "settled": state.through_proxy and (trust in ("proved", "unused") or not state.certificate),
        "pinned": state.device.pinned if state.device else 0,
        "steps": device_steps(texts, _own(state), clean(state.proxy, MAX_HOST), state.lan, state.certificate_name),
        "phone": _phone(state),
        "qr": _qr(state, texts),
    }
    lines = shown_lines(helplines, texts, today, country)
    images = [url for url in (on, proof) if url]
    return page("help.html", 200, texts, lines, images=images, limit=MAX_HELP_BYTES, **values)


def _own(state: FilterState) -> tuple[Device, ...]:
    system: tuple[Device, ...] = (state.system,) if state.system else ()
    return (*system, "firefox") if state.firefox else system


def _proof(state: FilterState) -> str | None:
    """The picture that loads only with the certificate, where the filter would make use of one."""
    if state.device is None or state.device.mode == "sni" or not state.certificate:
        return None
    return loadable(state.device.proof_url)


def _trust(state: FilterState, proof: str | None) -> str:
    """Key of the words on the certificate, beside its picture or in its place."""
    if not state.certificate or state.https == "sni":
        return "unused"
    known = state.device.trust if state.device else "no"
    if known == "shared":
        return "shared"
    if proof is None and known == "no" and state.https == "inspect":
        return "needed"
    if proof is None and not state.through_proxy:
        return "after"
    return "proved" if known == "yes" else "not_yet"


def _phone(state: FilterState) -> str | None:
    """HOST:PORT to hold a telephone to; None where no other device reaches the proxy."""
    reached = None if is_local(state.proxy) else state.proxy
    found = state.lan or reached
    return clean(found, MAX_HOST) if found else None


def _qr(state: FilterState, texts: Texts) -> Markup | None:
    phone = _phone(state)
    if phone is None:
        return None
    url = f"http://{phone}/"
    try:
        return qr_svg(url, texts.text("help.qr_label", url=url))
    except SfsError:
        return None  # the address came from outside and is none


def _protects(items: Sequence[Protection | str], texts: Texts) -> tuple[str, ...]:
    lines = (_protection(item, texts) for item in items[:MAX_PROTECTS])
    return tuple(line for line in lines if line)


def _protection(item: Protection | str, texts: Texts) -> str:
    """The line for a page; a text is shown as it is, a key without a sentence is left out."""
    if isinstance(item, str):
        return clean(item, 160)
    key = f"protects.{item.key}"
    return texts.html(key, count=f"{item.count:,}", total=f"{item.total:,}") if texts.has(key) else ""
