"""What we keep on a flow while it lives, in mitmproxy's `flow.metadata`."""

from dataclasses import dataclass
from typing import Final

from mitmproxy import http

from sfs.core.facts import Facts
from sfs.core.policy import Policy
from sfs.sources.filter import Filter

OURS: Final = "sfs.ours"  # this answer is our own page; it is not judged again
OPEN: Final = "sfs.open"  # an Asked that waits for its form, then an Open


@dataclass(slots=True)  # never changed once made, as Url: see there
class Open:
    """A request that was let through: the filter it is judged by to its end, what is known of it, and whether the
    response has a say."""

    filter: Final[Filter]
    facts: Final[Facts]
    policy: Final[Policy]
    asks_page: Final[bool]


def answer(flow: http.HTTPFlow, response: http.Response) -> None:
    """Give this page of ours; nothing goes upstream."""
    flow.metadata[OURS] = True
    flow.response = response
