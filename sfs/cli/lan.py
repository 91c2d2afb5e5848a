"""What `sfs run --lan` says to somebody who wants to set up the devices of the house."""

import sys
from collections.abc import Sequence

from sfs.sources.machine import LOOPBACK
from sfs.sources.values import Listen


def lan_lines(listening: Sequence[Listen], admin: str | None = None) -> list[str]:
    """The addresses to type, and on a terminal a QR code of the help page. `admin`: the address of the page that sets
    the filter, where devices of the house reach it."""
    places = [place for place in listening if place.host != LOOPBACK]
    if not places:
        return []
    best, more = places[0], places[1:]
    lines = [
        "     for the devices of the house (only private addresses are served):",
        f"       help page    http://{best}/     open it on each device, it says what to do",
        f"       proxy        {best}",
        f"       PAC address  http://{best}/proxy.pac",
    ]
    if admin is not None:
        lines.append(f"       set it up    {admin}")
    if more:
        lines.append(f"       also on      {', '.join(map(str, more))}")
    if sys.stdout.isatty():
        from sfs.web.qr import qr_terminal

        lines.append(qr_terminal(f"http://{best}/").rstrip("\n"))
    return lines
