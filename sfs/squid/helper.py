"""Many lines to many answers, in order.

What was judged is kept by policy, for a minute at most: of a host whose verdict holds for all its URLs, and of whole
URLs. A new filter has kept nothing, so no verdict outlives a reload; a policy that a timetable ends is another policy.

    line = channel URL rest      rest -> Lane: who asks, so which policy; the same for all requests of a browser
    URL  = origin path           origin -> shown | blocked | ask, in the lane's policy

A block of lines is taken apart by one expression; a line that does not fit it is read by itself.
"""

import re
import sys
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import PurePath
from time import monotonic
from traceback import extract_tb
from typing import Final

from sfs.core.facts import Kind
from sfs.core.levels import Unrated
from sfs.core.policy import Policy
from sfs.core.verdict import Action, Scope, Verdict
from sfs.sources.filter import Filter
from sfs.sources.journal import Journal
from sfs.sources.live import Live
from sfs.squid.answers import Answer, Answers, decision_codes, with_code
from sfs.squid.asked import NOTHING, BadLine, Who, fields_of, judge, policy_of, stays_by_name, who_of
from sfs.squid.format import Field, Format
from sfs.squid.hosts import Hosts
from sfs.squid.kept import Found, Lane, Memory
from sfs.text.url import MAX_HOST, parse_url

LOOKS: Final = 50  # a second, each second begins with one: making a store of labels takes longer
KEEP: Final = 60.0  # seconds that a verdict is kept
MAX_WHO: Final = 4096  # readers with what else their lines say
MAX_POLICIES: Final = 64
MAX_KEY: Final = 300  # characters of what is kept: a longer URL does not come again
MAX_LINE: Final = 1 << 18  # bytes: URLs have 64 KiB at most, three for each where they are escaped, and the rest
MAX_CHANNEL: Final = 10  # digits; Squid counts to its concurrency
MAX_SAID: Final = 50  # faults that are told to Squid's log
_HOST: Final = r"(?:[a-z0-9_-]++\.)*+[a-z][a-z0-9_-]*+"
PLAIN_HOST: Final = re.compile(_HOST)
_ORIGIN: Final = re.compile(rf"https?://({_HOST})")
# channel, origin, host, path, rest of a line whose origin may tell the answer, as of nearly every line; or any line
_LINES: Final = rf"(?:CHANNEL(https?://({_HOST}))(/[^ %#\0\n]*+) ([^\0\n]*+)|([^\n]*+))\n"


class Helper:
    """The answers of one filter in force. `say`: where faults are told, a line each. `now`: the local time, `clock`:
    the same in seconds, which takes a tenth as long to tell."""

    def __init__(
        self,
        live: Live,
        answers: Answers,
        form: Format,
        *,
        channels: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        clock: Callable[[], float] = time.time,
        say: Callable[[str], object] = lambda text: print(text, file=sys.stderr, flush=True),
    ) -> None:
        self._live, self._answers, self._form = live, answers, form
        self._channels, self._now, self._clock, self._say = channels, now, clock, say
        self._codes = decision_codes()
        self._shown = Answer(answers.shown)
        self._said: set[str] = set()
        self._url_first = form.fields[0] is Field.URL
        channel = f"([0-9]{{1,{MAX_CHANNEL - 1}}} )" if channels else "()"
        self._rows = re.compile(_LINES.replace("CHANNEL", channel)).findall
        self._raw = Field.URL not in form.escaped
        self._filter: Filter | None = None
        self._steady = True  # no label can come while this filter holds; where one can, none of its verdicts is kept
        self._time, self._slot = now(), -1
        self._lanes: dict[str, Lane] = {}
        self._memories: OrderedDict[tuple[int, Kind], Memory] = OrderedDict()

    def answer(self, text: str) -> str:
        """The answers to whole lines, each with its end; each answer ends in one too. `text`: bytes as Latin-1. Never
        raises, whatever stands there."""
        self._begin()
        lanes = self._lanes
        out: list[str] = []
        put = out.append
        for channel, origin, host, path, who, other in self._rows(text):
            if not origin:
                put(self._line(other))
                continue
            lane = lanes.get(who)
            if lane is not None and lane.plain:
                # Most lines: the reader is known, and the origin alone tells the answer.
                found = lane.memory.origins.new.get(origin)
                if found is None:
                    found = self._looked(origin, host, lane.memory)
                if found.__class__ is str:
                    put(f"{channel}{found}")
                    continue
            put(channel + self._of(f"{origin}{path} {who}", origin + path, who))
        return "".join(out)

    def too_long(self, begin: str) -> str:
        """The answer to a line that is longer than MAX_LINE; `begin`: its first characters."""
        channel, blank, _ = begin.partition(" ")
        known = self._channels and blank and _is_channel(channel)
        return f"{channel} {self._failed('too long')}" if known else self._failed("too long")

    def _begin(self) -> None:
        """Look at the filter in force, and from time to time at the clock and for a store of labels."""
        slot = int(self._clock() * LOOKS)
        if slot == self._slot and self._live.filter is self._filter:
            return
        self._slot = slot
        filter_, now = self._live.filter, self._now()
        if filter_.store is not None:
            filter_.store.look()
        steady = filter_.bureaus is None and (filter_.store is None or not filter_.store.there)
        if filter_ is not self._filter or steady is not self._steady:
            self._filter, self._steady = filter_, steady
            self._memories.clear()
            self._lanes.clear()
        elif now.replace(microsecond=0) != self._time.replace(microsecond=0):
            self._lanes.clear()  # a timetable or a pause changes policies at whole seconds
        self._time = now

    def _line(self, line: str) -> str:
        """The answer to a line of any form."""
        channel, rest = "", line
        if self._channels:
            channel, blank, rest = line.partition(" ")
            if not blank or not _is_channel(channel):
                return self._failed("no channel")
            channel += " "
        url, _, who = rest.partition(" ")
        return channel + self._of(rest, url, who)

    def _of(self, line: str, url: str, who: str) -> str:
        """The answer to a line without its channel; `who`: what stands behind the first blank."""
        try:
            if "\0" in line:
                raise BadLine("a control character")
            lane = self._lanes.get(who) if self._url_first else None
            if lane is None:
                return self._stranger(line, url, who)
            return self._fast(url, lane) if lane.plain else self._kept(url, lane)
        except BadLine as fault:
            return self._failed(str(fault.args[0]))
        except Exception as fault:  # what a filter raises: the policy's word for it
            return self._raised(fault, self._filter.policies.default if self._filter else None)

    def _fast(self, url: str, lane: Lane) -> str:
        """The answer by the origin, where that is enough."""
        end = url.find("/", 8)
        if end < 0 or "%" in url or "#" in url:
            return self._kept(url, lane)
        origin = url[:end]
        found = lane.memory.origins.new.get(origin)
        if found is None:
            named = _ORIGIN.fullmatch(origin)
            found = self._looked(origin, "" if named is None else named[1], lane.memory)
        if isinstance(found, str):
            return found
        if isinstance(found, Answer):
            return with_code(found, self._codes)
        return self._quiet(url, lane) if found else self._kept(url, lane)

    def _quiet(self, url: str, lane: Lane) -> str:
        """The answer to a URL of a host of which nothing speaks."""
        urls = lane.memory.urls
        if url not in urls.new and _is_silent(url, lane.memory):
            if self._steady and len(url) < MAX_KEY:
                urls.put(url, self._shown)
            return self._answers.shown
        return self._kept(url, lane)

    def _looked(self, origin: str, host: str, memory: Memory) -> Found:
        """What is to be done with the URLs of an origin that is not among the newer ones. `host`: its name, "" where it
        has a port or is no plain name."""
        found: Found | None = memory.origins.old.get(origin)
        if found is None:
            found = False
            if host and len(host) <= MAX_HOST and memory.hosts.usable:
                try:
                    found = self._of_host(host, memory)
                except Exception:  # what raises here raises in its row as well, which knows what to do
                    found = False
        if len(origin) < MAX_KEY:
            memory.origins.put(origin, found)
        return found

    def _of_host(self, host: str, memory: Memory) -> Found:
        said = memory.hosts.of_host(host)
        if said is True:
            return self._answers.shown if memory.hosts.any_path else True
        if said is False:
            return False
        answer = self._answers.answer(said, host, recorded=Journal.wants(said, memory.policy.record))
        return answer.text if answer.behind is None else answer

    def _kept(self, url: str, lane: Lane) -> str:
        """The answer to a URL that was judged in this minute, or is now."""
        urls, who = lane.memory.urls, lane.who
        key = url if lane.plain else f"{who.method} {who.sni} {who.closed} {url}"
        answer = urls.get(key)
        if not isinstance(answer, Answer):
            answer, keep = self._judged(url, lane)
            if keep and len(key) < MAX_KEY:
                urls.put(key, answer)
        return with_code(answer, self._codes)

    def _judged(self, url: str, lane: Lane) -> tuple[Answer, bool]:
        """The answer to one URL, and whether it may be kept."""
        filter_, who, memory = self._filter, lane.who, lane.memory
        assert filter_ is not None
        text = url if self._raw else _unescaped_url(url)
        # Latin-1 is how the bytes came; lone surrogates are how a URL has bytes that are no UTF-8.
        text = text if text.isascii() else text.encode("latin-1").decode("utf-8", "surrogateescape")
        try:
            if "\0" in text:
                raise BadLine("a control character")
            if who.closed:
                return self._closed(text, who, filter_), True
            verdict, host, policy = judge(text, who, filter_, self._now())
        except BadLine:
            raise
        except Exception as fault:
            return Answer(self._raised(fault, memory.policy)), False
        if verdict.fault is not None:
            self._tell(verdict.fault)
        answer = self._answers.answer(verdict, host, recorded=Journal.wants(verdict, policy.record))
        keep = verdict.fault is None and verdict.valid_until in (None, policy.valid_until)
        keep = keep and (self._steady or policy.checks is not None)
        whole_host = keep and verdict.blocked and verdict.scope is Scope.HOST and lane.plain
        origin = url[: max(url.find("/", 8), 0)]
        if whole_host and _ORIGIN.fullmatch(origin) and host == origin.partition("://")[2]:
            memory.origins.put(origin, answer if answer.behind is not None else answer.text)
        return answer, keep

    def _closed(self, text: str, who: Who, filter_: Filter) -> Answer:
        return Answer("OK\n" if stays_by_name(text, who, filter_, self._time) else "ERR\n")

    def _stranger(self, line: str, url: str, rest: str) -> str:
        """A line of a reader who is not known, or of another order of fields."""
        if url in ("", NOTHING):
            raise BadLine("no URL")
        values = line.split(" ")
        found = fields_of(values, self._form)
        lane = self._lane(who_of(found, self._form, len(values)))
        if self._url_first:
            if len(rest) < MAX_KEY:
                if len(self._lanes) >= MAX_WHO:
                    self._lanes.clear()
                self._lanes[rest] = lane
            return self._fast(url, lane) if lane.plain else self._kept(url, lane)
        if Field.URL in found:
            return self._kept(values[self._form.fields.index(Field.URL)], lane)
        if Field.HOST not in found:
            raise BadLine("no host")
        # Nothing but a host is told, so it is judged by its name.
        who = replace(lane.who, method="CONNECT")
        return self._kept(f"{found[Field.HOST]}:{found.get(Field.PORT, '443')}", Lane(who, lane.memory, plain=False))

    def _lane(self, who: Who) -> Lane:
        filter_ = self._filter
        assert filter_ is not None
        policy = policy_of(who, filter_, self._time)
        key = (id(policy), who.kind)
        memory, moment = self._memories.get(key), monotonic()
        if memory is None or memory.until <= moment:
            if len(self._memories) >= MAX_POLICIES:
                self._memories.popitem(last=False)
            # It holds the policy, so that no other gets its id while the memory is there.
            memory = self._memories[key] = Memory(policy, Hosts(filter_, policy), moment + KEEP)
        return Lane(who, memory, not who.by_name)

    def _failed(self, why: str) -> str:
        self._tell(f"a line of Squid's could not be read: {why}")
        return self._answers.failed(why)

    def _raised(self, fault: Exception, policy: Policy | None) -> str:
        """What the policy says of a filter that raised."""
        place = extract_tb(fault.__traceback__)[-1]
        self._tell(f"{type(fault).__name__} at {PurePath(place.filename).name}:{place.lineno}")
        if policy is not None and policy.on_error is Unrated.SHOW:
            return self._answers.shown
        level = 0 if policy is None else policy.level
        answer = self._answers.answer(Verdict(Action.BLOCK, "error", "error", level), "", recorded=False)
        return with_code(answer, self._codes)

    def _tell(self, text: str) -> None:
        """Once each, without a value of any request."""
        if text not in self._said and len(self._said) < MAX_SAID:
            self._said.add(text)
            self._say(f"sfs squid: {text}")


def _is_silent(url: str, memory: Memory) -> bool:
    """Whether a URL of a quiet host is shown; False for one that cannot be read, which its row says better."""
    try:
        return memory.hosts.silent(parse_url(url))
    except Exception:
        return False


def _is_channel(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < MAX_CHANNEL


def _unescaped_url(url: str) -> str:
    """The URL that Squid escaped: one round, with bytes as Latin-1. BadLine for an escape that is none."""
    if "%" not in url:
        return url
    first, *pieces = url.split("%")
    out = [first]
    for piece in pieces:
        try:
            if not piece[:2].isalnum() or len(piece) < 2:
                raise ValueError
            out.append(chr(int(piece[:2], 16)) + piece[2:])
        except ValueError:
            raise BadLine("a bad escape") from None
    return "".join(out)
