"""What a name of a compiled list costs, on the disk and in memory that all processes share, after look-ups all over the
list. lists.py has more of lists."""

import os
import tempfile
from pathlib import Path

from tests.bench.frame import Found, Measure, Scale, Side
from tests.bench.lists import measured, names_of
from tests.bench.room import Room

MEASURES = [
    Measure("bytes-disk", "bytes a name on the disk", 7, Side.UNDER),
    Measure("bytes-resident", "bytes a name resident and shared", 10, Side.UNDER),
]


def found(room: Room, scale: Scale) -> dict[str, Found]:
    """Both, of a sorted list, as public ones are."""
    with tempfile.TemporaryDirectory(dir=room.folder) as folder:
        row = measured(sorted(names_of(scale.names)), "sorted", Path(folder))
    if row["wrong"]:
        raise SystemExit(f"{row['wrong']} wrong answers")
    kind = "real" if os.environ.get("SFS_TEST_DATA") else "made"
    return {
        "bytes-disk": Found([row["disk"]], f"{scale.names:,} {kind} names, built in {row['build s']:.0f} s"),
        "bytes-resident": Found([row["resident"]], f"{row['shared']} of them held by another process as well"),
    }
