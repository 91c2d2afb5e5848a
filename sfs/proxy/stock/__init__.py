"""Where SFS reaches into mitmproxy: the only place that touches its private names. Read against mitmproxy 12.2.3.

    stream.py    holds a response until its head is judged, then releases or replaces it
    again.py     a request that a server closed a kept connection on is sent once more
    heads.py     bounds message heads in size and time; what stock crashes on
    bodies.py    bodies of HTTP/1: bounded chunks, one copy of what has a length
    handler.py   bounds what waits and who is silent, for each client connection
    silence.py   whether a connection is silent, though the loop may be behind
    lean.py      events and hooks of a connection with less work between them
    reading.py   what a connection says, until its end
    front.py     the client that a load balancer names
    layers.py    what each request goes through on its way between the layers, with less work
    short.py     what passes through a tunnel goes past the layers that look at none of it
    closed.py    server connections that are over are forgotten
    ended.py     a connection that is over leaves memory at once
    hello.py     the first message of TLS, read for what is asked of it
    tls.py       bytes through TLS without an exception for each
    spare.py     memory that TLS keeps for a connection that waits, given back
    lines.py     the first line of a request, read in one match
    ids.py       names of flows and connections
    fields.py    header fields looked up in a table
    framing.py   what a head says of the message behind it, read once
    settings.py  options read in one step
    listener.py  listens on sockets that workers share
    names.py     every private name these stand on; checked before anything is changed

A layer of mitmproxy that raises leaves its connection hanging, so nothing in here may raise; what comes from the addon
is called inside try. The addon speaks with this package through `flow.metadata`, keys below.

`install()` puts these classes in the place of mitmproxy's. If a name is gone nothing is installed, `stock_mode` stays
True and the addon judges in `response` instead: whole bodies, later, with the same verdict.
"""

import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from mitmproxy import http, options
from mitmproxy.proxy import commands

from sfs.proxy.stock.front import set_front
from sfs.proxy.stock.names import missing

if TYPE_CHECKING:
    from mitmproxy.master import Master

__all__ = [
    "ANSWER",
    "ENDED",
    "FORM",
    "HOLD",
    "ORIGIN_FORM",
    "OWN_HOST",
    "FormHeadHook",
    "Hold",
    "HtmlHeadHook",
    "closing_after_answers",
    "drop",
    "inherit",
    "install",
    "listening",
    "make_options",
    "missing",
    "set_error_page",
    "set_front",
    "set_hooks",
]

HOLD: Final = "sfs.hold"  # set by the addon in responseheaders: a Hold
ANSWER: Final = "sfs.answer"  # set by the addon in responseheaders or html_head: the http.Response to give instead
ENDED: Final = "sfs.hold_ended"  # set here before html_head: head, cap, end, time, or error where Hold.feed raised
FORM: Final = "sfs.form"  # set by the addon in requestheaders: how many bytes of a body it wants to see first
ORIGIN_FORM: Final = "sfs.origin_form"  # set here: True for "GET /": a request to the proxy itself
OWN_HOST: Final = "sfs.home.arpa"  # what request.host is for those; they never go upstream

stock_mode: bool = True  # False once install() has put ours in place. Read it as stock.stock_mode
_log = logging.getLogger(__name__)


class Hold(Protocol):
    """What the addon puts under HOLD in responseheaders; and again in html_head, where it needs more of the body than
    it has: that one is fed from the first byte on. `most`: bytes as sent that are held, where that is not as ever."""

    def feed(self, chunk: bytes) -> bool:
        """Take the next body bytes as sent; True: enough is here to judge."""


@dataclass
class HtmlHeadHook(commands.StartHook):
    """Calls `html_head(flow)` of every addon, plain or async: once for each Hold, unless the client left."""

    flow: http.HTTPFlow


@dataclass
class FormHeadHook(commands.StartHook):
    """Calls `form_head(flow)` where a body reaches FORM bytes: they are request.content meanwhile. Without an answer
    all of it goes on, streamed. A shorter body is seen whole, in `request`."""

    flow: http.HTTPFlow


def install() -> list[str]:
    """Put ours in mitmproxy's place, before the first connection; a second call does nothing. Returns missing(): when
    it is not empty nothing was changed and `stock_mode` is True."""
    global stock_mode
    if not stock_mode:
        return []
    if gone := missing():
        _log.warning("mitmproxy has changed: pages are judged only when they are complete; gone: %s", ", ".join(gone))
        return gone
    # Only now: these subclass what was just looked for.
    from sfs.proxy.stock import (
        again,
        bodies,
        closed,
        errors,
        fields,
        framing,
        handler,
        heads,
        hello,
        ids,
        layers,
        lean,
        lines,
        silence,
        stream,
        tls,
    )

    stream.install()
    heads.install()
    bodies.install()
    errors.install()
    silence.install()
    handler.install()
    lean.install()
    fields.install()
    framing.install()
    lines.install()
    layers.install()
    closed.install()
    again.install()
    tls.install()
    hello.install()
    ids.install()
    stock_mode = False
    return []


def drop(client_id: str) -> None:
    """End a client connection, with what is open upstream for it; without ours in mitmproxy's place, nothing."""
    if not stock_mode:
        from sfs.proxy.stock import handler

        handler.drop(client_id)


def closing_after_answers() -> AbstractContextManager[None]:
    """Meanwhile HTTP/1 connections end with the answer that is given next; without ours in mitmproxy's place, not."""
    if stock_mode:
        return nullcontext()
    from sfs.proxy.stock import heads

    return heads.closing_after_answers()


def inherit(places: Mapping[tuple[str, int], Sequence[socket.socket]]) -> None:
    """Have listeners on these (host, port) take these sockets, which listen already, and keep in mind what listens.
    After `install`, and only where nothing is `missing()`."""
    from sfs.proxy.stock import listener

    listener.inherit(places)


def listening() -> dict[tuple[str, int], tuple[socket.socket, ...]]:
    """What listens since `inherit`, by host and port: copies, for the caller to close."""
    from sfs.proxy.stock import listener

    return listener.listening()


def set_hooks(master: "Master") -> None:
    """Have the connections of `master`, whose addons are all there and stay, call their hooks the short way."""
    if not stock_mode:
        from sfs.proxy.stock import lean

        lean.set_hooks(master)


def make_options(**values: Any) -> options.Options:
    """mitmproxy's options, such as a request reads in one step where ours are in mitmproxy's place."""
    if stock_mode:
        return options.Options(**values)
    from sfs.proxy.stock.settings import LeanOptions

    return LeanOptions(**values)


def set_error_page(make: Callable[[int, str], bytes]) -> None:
    """Have `make(status, what stock would have said)` write the pages of requests that no hook answers."""
    from sfs.proxy.stock import errors

    errors.set_page(make)
