"""QR codes of an address, for a page and for a terminal. Spec: ISO/IEC 18004; the drawing is segno's."""

import io
from typing import Final

import segno
from markupsafe import Markup, escape

from sfs.errors import SfsError

MAX_TEXT: Final = 300  # characters: an address; a code of more is too fine for the camera of a cheap phone
_BORDER: Final = 4  # modules of quiet around the code: ISO/IEC 18004 section 6.3.8


def qr_svg(text: str, label: str = "") -> Markup:
    """An inline <svg> that loads nothing: black on white in either colour scheme, since many cameras read nothing
    else. `label`: what a screen reader says; without it `text`. SfsError for an empty or too long text."""
    code = _code(text)
    size = code.symbol_size(border=_BORDER)[0]
    path = _path([bytes(row) for row in code.matrix_iter(border=_BORDER)])
    return Markup(  # noqa: S704 - figures of ours and an escaped label
        f'<svg class="qr" viewBox="0 0 {size} {size}" role="img" aria-label="{escape(label or text)}">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="#000" d="{path}"/></svg>'
    )


def qr_terminal(text: str) -> str:
    """The code in half blocks, two rows a line, for `click.echo`. It is drawn light on dark, with the quiet zone, so
    that it reads on a dark terminal; most cameras take the other way round as well. SfsError as `qr_svg`."""
    drawn = io.StringIO()
    _code(text).terminal(drawn, compact=True, border=2)
    return drawn.getvalue()


def _code(text: str) -> segno.QRCode:
    if not text or len(text) > MAX_TEXT:
        raise SfsError(f"a QR code holds 1 to {MAX_TEXT} characters", mend="give it the address alone")
    try:
        return segno.make_qr(text, error="m")
    except ValueError as fault:  # segno.DataOverflowError, and UnicodeEncodeError for a lone surrogate
        raise SfsError("this text does not fit into a QR code", mend="give it the address alone") from fault


def _path(rows: list[bytes]) -> str:
    """The dark modules as runs, one `h` each."""
    parts = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            run = x
            while run < len(row) and row[run]:
                run += 1
            if run > x:
                parts.append(f"M{x} {y}h{run - x}v1H{x}z")
            x = run + 1
    return "".join(parts)
