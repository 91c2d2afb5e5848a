"""Names of flows and connections: as many random bits as in a UUID, without the making of one. They tell one from the
other in this process and are no secret."""

import random
from types import SimpleNamespace

from mitmproxy import connection, flow


def made() -> str:
    """A name that nothing else has. `random` begins anew after a fork."""
    return f"{random.getrandbits(122):032x}"


def install() -> None:
    """Put ours where mitmproxy looks for its module of UUIDs."""
    ours = SimpleNamespace(uuid4=made)
    flow.uuid = connection.uuid = ours  # type: ignore[attr-defined, assignment]
