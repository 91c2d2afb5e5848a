"""What the proxy writes down, as one value."""

from dataclasses import dataclass

from sfs.sources.config import Config
from sfs.sources.journal import Journal
from sfs.sources.reports import Reports
from sfs.sources.trust import TRUST_FILE, Trust


@dataclass(frozen=True, slots=True)
class Kept:
    """What outlives a request: the log, the devices that trust the certificate, what readers report."""

    journal: Journal
    trust: Trust
    reports: Reports

    def close(self) -> None:
        """Write what waits. Files: not on the loop."""
        self.journal.close()
        self.trust.close()


def open_kept(config: Config) -> Kept:
    """All of it, in the state folder. Reads files: not on the loop."""
    journal = Journal(config.state / "log", config.retention)
    return Kept(journal, Trust(config.state / TRUST_FILE), Reports(config.state / "reports.jsonl"))
