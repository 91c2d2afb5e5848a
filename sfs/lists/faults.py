"""Why a list was not taken: a fault with a short key, so that a page can say it in the reader's own words."""

import errno
from typing import Final

from sfs.errors import SfsError, Where

# The keys, each with a sentence in the catalogues of texts (list_faults.KEY).
KEYS: Final = (
    *("network", "timeout", "certificate", "proxy", "http", "redirect", "near", "cut", "large", "encoding"),
    *("checksum", "empty", "html", "packed", "format", "shrunk", "space", "damaged"),
)


class ListFault(SfsError):
    """What went wrong with one list; what was there before stays in force. `reason`: one of KEYS."""

    def __init__(self, reason: str, what: str, where: Where | None = None, mend: str | None = None) -> None:
        assert reason in KEYS, reason
        super().__init__(what, where, mend)
        self.reason = reason


def is_full(fault: OSError) -> bool:
    """Whether a disk had no more room, or a quota or a bound was reached."""
    return fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
