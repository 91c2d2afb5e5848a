"""Whether every plain URL of a host is shown to who asks, so that Squid need not ask about each.

A line is `HOST` of format.py. OK: whatever its path, a plain URL of this host is shown (`PLAIN` of fragment.py, which
Squid itself can tell); ERR: ask about the URL. So a line that cannot be read is ERR, and a fault is too: the question
about the URL says what is to be done. Only a policy for which mandatory lists alone count can say OK (hosts.py,
`any_path`). tests/squid/test_whole.py holds it against the rows."""

from sfs.squid.asked import fields_of, who_of
from sfs.squid.helper import MAX_KEY, MAX_WHO, PLAIN_HOST, Helper
from sfs.squid.kept import Lane


class WholeHosts(Helper):
    """Answers about hosts. A Helper whose format is `HOST`."""

    def _of(self, line: str, url: str, who: str) -> str:
        """`url`: here the host."""
        try:
            return "OK\n" if self._whole(line, url, who) else "ERR\n"
        except Exception:  # told where the URL is asked about
            return "ERR\n"

    def _whole(self, line: str, host: str, who: str) -> bool:
        if PLAIN_HOST.fullmatch(host) is None:
            return False
        lane = self._lanes.get(who) or self._new_lane(line, who)
        return lane.memory.hosts.any_path and self._looked(f"http://{host}", host, lane.memory) == self._answers.shown

    def _new_lane(self, line: str, who: str) -> Lane:
        values = line.split(" ")
        lane = self._lane(who_of(fields_of(values, self._form), self._form, len(values)))
        lane.plain = False  # no line here is a URL
        if len(who) < MAX_KEY:
            if len(self._lanes) >= MAX_WHO:
                self._lanes.clear()
            self._lanes[who] = lane
        return lane
