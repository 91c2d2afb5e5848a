"""SFS against other filters of Debian and against bare mitmproxy, in one run: the table of the README.

    python tests/bench/table.py                          # all of it: half an hour
    python tests/bench/table.py --only proxy --pairs 3   # a part of it
    python tests/bench/table.py --json > one.json        # to be joined with others by --join
    python tests/bench/table.py --join one.json --join two.json --readme

README.md beside this says how to read the figures."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.bench import download, first_byte, list_size, phrases, pipe, proxy, soak, squid, workers
from tests.bench.frame import Found, Measure, Scale, holds, markdown
from tests.bench.room import Room

# In the order of the table; the soak, which takes its ten minutes, at the end.
PARTS: dict[str, ModuleType] = {
    "proxy": proxy,
    "text": phrases,
    "pipe": pipe,
    "squid": squid,
    "lists": list_size,
    "first-byte": first_byte,
    "workers": workers,
    "download": download,
    "soak": soak,
}
MEASURES: list[Measure] = [measure for part in PARTS.values() for measure in part.MEASURES]


@dataclass
class Report:
    """What was found, by the key of the measure, on which day and on what."""

    day: str = field(default_factory=lambda: datetime.now(UTC).date().isoformat())
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    processor: str = field(default_factory=lambda: _processor())
    found: dict[str, Found] = field(default_factory=dict)

    def take(self, parts: Iterable[str], scale: Scale) -> None:
        """Measure these parts."""
        with tempfile.TemporaryDirectory(prefix="sfs-table-") as folder, Room(Path(folder), scale) as room:
            for name in parts:
                print(f"{name} ...", file=sys.stderr, flush=True)
                self.found |= PARTS[name].found(room, scale)

    def join(self, file: Path) -> None:
        """Take what another run found; what is found in both is that of the later one."""
        said = json.loads(file.read_text())
        self.day, self.cores, self.processor = said["day"], said["cores"], said.get("processor", "")
        self.found |= {key: Found(of["values"], of["beside"]) for key, of in said["measures"].items()}

    def as_json(self) -> dict[str, Any]:
        """All of it, with the bars."""
        rows = {
            one.key: {
                "name": one.name,
                "bar": one.bar,
                "side": one.side,
                "unit": one.unit,
                "values": (of := self.found[one.key]).values,
                "median": of.median,
                "spread": of.spread,
                "reached": holds(one, of),
                "beside": of.beside,
            }
            for one in MEASURES
            if one.key in self.found
        }
        return {"day": self.day, "cores": self.cores, "processor": self.processor, "measures": rows}

    def missed(self) -> list[str]:
        """The measures whose bar is not reached."""
        return [one.name for one in MEASURES if one.key in self.found and holds(one, self.found[one.key]) is False]

    def section(self) -> str:
        """As it stands in README.md, under its heading."""
        named = f" ({self.processor})" if self.processor else ""
        return (
            f"On {self.day}, on a machine with {self.cores} cores{named}, the proxies on one of them and the load on "
            "the other:\n\n<!-- speed -->\n" + markdown(MEASURES, self.found)
        )


def _processor() -> str:
    """What kind of processor this machine has, "" where it does not say."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def main(arguments: list[str] | None = None) -> int:
    """1 where a bar is not reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(PARTS), metavar="PART", help=", ".join(PARTS))
    for one in fields(Scale):
        parser.add_argument(f"--{one.name}", type=type(one.default), default=one.default)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--readme", action="store_true", help="the section of the README")
    parser.add_argument("--join", action="append", type=Path, metavar="FILE", help="these figures (--json), none new")
    asked = vars(parser.parse_args(arguments))
    report = Report()
    if asked["join"]:
        for file in asked["join"]:
            report.join(file)
    else:
        report.take(asked["only"] or PARTS, Scale(**{one.name: asked[one.name] for one in fields(Scale)}))
    if asked["json"]:
        print(json.dumps(report.as_json(), indent=1))
    else:
        print(report.section() if asked["readme"] else markdown(_measured(report), report.found))
    return 1 if report.missed() else 0


def _measured(report: Report) -> list[Measure]:
    return [one for one in MEASURES if one.key in report.found]


if __name__ == "__main__":
    sys.exit(main())
