"""Many lines to many answers, in order.

What was judged is kept by policy, for a minute at most: of a host whose verdict holds for all its URLs, and of whole
URLs. A new filter has kept nothing, so no verdict outlives a reload; a policy that a timetable ends is another policy.

    line = channel URL rest      rest -> Lane: who asks, so which policy; the same for all requests of a browser
    URL  = origin path           origin -> shown | blocked | ask, in the lane's policy
"""

import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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
from sfs.text.url import MAX_HOST, parse_url

KEEP: Final = 60.0  # seconds that a verdict is kept
MAX_KEPT: Final = 1 << 16  # origins, and URLs, of one policy; twice as many while the older half is still asked
MAX_WHO: Final = 4096  # readers with what else their lines say
MAX_POLICIES: Final = 64
MAX_KEY: Final = 300  # characters of what is kept: a longer URL does not come again
MAX_LINE: Final = 1 << 18  # bytes: URLs have 64 KiB at most, three for each where they are escaped, and the rest
MAX_CHANNEL: Final = 10  # digits; Squid counts to its concurrency
MAX_SAID: Final = 50  # faults that are told to Squid's log
_ORIGIN: Final = re.compile(r"https?://((?:[a-z0-9_-]++\.)*+[a-z][a-z0-9_-]*+)")


type Found = str | Answer | bool  # the whole answer | one that gets a code | judge each URL (True: unless it is silent)


class Kept:
    """A bounded memory: what was not asked for while `MAX_KEPT` others came is forgotten."""

    __slots__ = ("new", "old")

    def __init__(self) -> None:
        self.new: dict[str, Found] = {}
        self.old: dict[str, Found] = {}

    def get(self, key: str) -> Found | None:
        """What is kept under `key`; None for nothing."""
        found = self.new.get(key)
        if found is None and (found := self.old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: str, value: Found) -> None:
        """Keep `value`."""
        if len(self.new) >= MAX_KEPT:
            self.old, self.new = self.new, {}
        self.new[key] = value


@dataclass(slots=True)
class Memory:
    """What is kept of one policy and one kind of request, until a moment of the steady clock."""

    policy: Policy
    hosts: Hosts
    until: float
    origins: Kept = field(default_factory=Kept)
    urls: Kept = field(default_factory=Kept)


@dataclass(slots=True)
class Lane:
    """Who asks, and the memory of his policy."""

    who: Who
    memory: Memory
    plain: bool  # a URL seen whole: neither CONNECT nor a question of another kind


class Helper:
    """The answers of one filter in force. `say`: where faults are told, a line each. `now`: the local time."""

    def __init__(
        self,
        live: Live,
        answers: Answers,
        form: Format,
        *,
        channels: bool = True,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
        say: Callable[[str], object] = lambda text: print(text, file=sys.stderr, flush=True),
    ) -> None:
        self._live, self._answers, self._form = live, answers, form
        self._channels, self._now, self._say = channels, now, say
        self._codes = decision_codes()
        self._said: set[str] = set()
        self._url_first = form.fields[0] is Field.URL
        self._raw = Field.URL not in form.escaped
        self._filter: Filter | None = None
        self._steady = True  # no label can come while this filter holds; where one can, none of its verdicts is kept
        self._time = now()
        self._lanes: dict[str, Lane] = {}
        self._memories: OrderedDict[tuple[int, Kind], Memory] = OrderedDict()

    def answer(self, lines: Sequence[str], *, odd: bool = True) -> str:
        """The answers to whole lines without their ends, each ending in one. `lines`: bytes as Latin-1; `odd`: a NUL
        may stand in them. Never raises, whatever stands there."""
        self._begin()
        lanes, channels = self._lanes, self._channels
        out: list[str] = []
        put = out.append
        channel = ""
        for line in lines:
            rest = line
            if channels:
                channel, blank, rest = line.partition(" ")
                if not blank or not _is_channel(channel):
                    put(self._failed("no channel"))
                    continue
                channel += " "
            url, _, who = rest.partition(" ")
            lane = lanes.get(who)
            end = url.find("/", 8)
            if lane is not None and lane.plain and not odd and end > 0 and "%" not in url and "#" not in url:
                # Most lines: the reader is known, and the origin alone tells the answer.
                origin = url[:end]
                found = lane.memory.origins.new.get(origin)
                if found is None:
                    found = self._looked(origin, lane.memory)
                if found.__class__ is str:
                    put(f"{channel}{found}")
                    continue
            put(channel + self._of(rest, url, who))
        return "".join(out)

    def too_long(self, begin: str) -> str:
        """The answer to a line that is longer than MAX_LINE; `begin`: its first characters."""
        channel, blank, _ = begin.partition(" ")
        known = self._channels and blank and _is_channel(channel)
        return f"{channel} {self._failed('too long')}" if known else self._failed("too long")

    def _begin(self) -> None:
        """Look at the clock and at the filter in force, once for each block of lines."""
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
            found = self._looked(origin, lane.memory)
        if isinstance(found, str):
            return found
        if isinstance(found, Answer):
            return with_code(found, self._codes)
        if found and _is_silent(url, lane.memory):
            return self._answers.shown
        return self._kept(url, lane)

    def _looked(self, origin: str, memory: Memory) -> Found:
        try:
            return self._look(origin, memory)
        except Exception:  # what raises here raises in its row as well, which knows what to do
            return False

    def _look(self, origin: str, memory: Memory) -> Found:
        """What is to be done with the URLs of an origin that is not among the newer ones."""
        kept = memory.origins
        found: Found | None = kept.old.get(origin)
        if found is not None:
            kept.put(origin, found)
            return found
        found = False
        named = _ORIGIN.fullmatch(origin) if memory.hosts.usable else None
        if named is not None and len(host := named[1]) <= MAX_HOST:
            said = memory.hosts.of_host(host)
            if isinstance(said, Verdict):
                answer = self._answers.answer(said, host, recorded=Journal.wants(said, memory.policy.record))
                found = answer.text if answer.behind is None else answer
            elif said:
                found = self._answers.shown if memory.hosts.any_path else True
        if len(origin) < MAX_KEY:
            kept.put(origin, found)
        return found

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
            verdict, host, policy = judge(text, who, filter_, self._time)
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
