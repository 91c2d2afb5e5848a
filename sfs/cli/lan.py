"""What `sfs run --lan` says to somebody who wants to set up the devices of the house."""

import sys
from collections.abc import Sequence

from sfs.sources.machine import LOOPBACK
from sfs.sources.values import Listen
from sfs.web.texts import Language, texts_for


def lan_lines(listening: Sequence[Listen], admin: str | None = None, language: Language = "en") -> list[str]:
    """The addresses to type, and on a terminal a QR code of the help page. `admin`: the address of the page that sets
    the filter, where devices of the house reach it."""
    places = [place for place in listening if place.host != LOOPBACK]
    if not places:
        return []
    best, more = places[0], places[1:]
    texts = texts_for(language)
    rows = [
        texts.text("start.lan_help", address=f"http://{best}/"),
        texts.text("start.lan_proxy", address=str(best)),
        texts.text("start.lan_pac", address=f"http://{best}/proxy.pac"),
    ]
    if admin is not None:
        rows.append(texts.text("start.lan_page", address=admin))
    if more:
        rows.append(texts.text("start.lan_more", addresses=", ".join(map(str, more))))
    lines = [f"     {texts.text('start.lan')}", *(f"       {row}" for row in rows)]
    if sys.stdout.isatty():
        from sfs.web.qr import qr_terminal

        lines += [f"     {texts.text('start.lan_code')}", qr_terminal(f"http://{best}/").rstrip("\n")]
        lines.insert(0, "")  # behind the steps for this computer
    return lines
