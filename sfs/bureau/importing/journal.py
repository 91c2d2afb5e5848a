"""How far an import came, so that one which was interrupted goes on there.

It is written behind each transaction of the store, so it is never ahead of what the store keeps; where it is lost, or
behind, labels are given again and change nothing. It is believed only by a store that has the changes it counts: one
that was put back or begun anew starts from the first line.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from sfs.errors import SfsError
from sfs.lists.private import make_private


@dataclass(slots=True)
class Journal:
    """The place of one import. `done`: labels that the store keeps already, in the order of the files."""

    path: Path
    done: int = 0
    _serial: int = field(default=0)

    @classmethod
    def open(cls, state: Path, key: str, serial: int) -> "Journal":
        """The journal of the import with this key; a new one where there is none that `serial`, the store's, allows."""
        path = state / "imports" / f"{key[:32]}.json"
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            done, then = int(said["done"]), int(said["serial"])
        except (OSError, ValueError, KeyError, TypeError):
            done, then = 0, 0
        return cls(path, done, then) if done > 0 and 0 < then <= serial else cls(path)

    def write(self, done: int, serial: int) -> None:
        """Note that the store keeps so many labels. SfsError where the folder cannot be written."""
        part = self.path.with_suffix(".part")
        try:
            make_private(self.path.parent)
            part.write_text(json.dumps({"done": done, "serial": serial}), encoding="utf-8")
            os.replace(part, self.path)
        except OSError as fault:
            mend = "check the folder and the free space, and run it again"
            raise SfsError(f"the journal cannot be written: {fault.strerror}", None, mend) from None
        self.done = done

    def close(self) -> None:
        """The import is whole: a later one of the same file begins anew."""
        self.path.unlink(missing_ok=True)
