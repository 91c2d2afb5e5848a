"""The label bureaus of a configuration, as one source of labels. They are asked in a loop and a thread of their own, so
that a long answer holds up no reader, and from there past the guard on what clients may reach."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import certifi

from sfs.core.facts import Facts
from sfs.core.label import Label, LabelAnswer
from sfs.core.policy import Policy
from sfs.core.ruleset import Ruleset
from sfs.sources.bureau_answer import core_label
from sfs.sources.bureau_client import Bureau, Look
from sfs.sources.bureau_http import BureauHttp
from sfs.sources.bureau_query import Question
from sfs.sources.bureau_told import questions_about
from sfs.sources.subscriptions import BureauSource
from sfs.text.url import Url, parse_url

AFTER: Final = 10.0  # seconds after a change of the configuration that requests of before it may still need its bureaus


@dataclass(frozen=True, slots=True)
class BureauAnswer:
    """`answer`: what is known now. `missing`: what each bureau is to be asked; `waits`: whether waiting is worth it."""

    answer: LabelAnswer
    missing: tuple[tuple[Bureau, tuple[Question, ...]], ...] = ()
    waits: bool = False


class Bureaus:
    """Asked from any thread. `bureaus`: each of them, in the order of their sources. `upstream_ca`: certificates (PEM)
    trusted besides those that come with SFS."""

    def __init__(self, sources: Sequence[BureauSource], upstream_ca: Path | None = None) -> None:
        self.sources = tuple(sources)
        self.upstream_ca = upstream_ca
        self.timeout = max(source.timeout for source in self.sources).total_seconds()
        self.bureaus = tuple(Bureau(source, BureauHttp(parse_url(source.url), self._tls)) for source in self.sources)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def is_for(self, sources: Sequence[BureauSource], upstream_ca: Path | None) -> bool:
        """Whether these are the same bureaus: then what they said is kept over a change of the configuration."""
        return self.sources == tuple(sources) and self.upstream_ca == upstream_ca

    def ask(self, url: Url, facts: Facts, policy: Policy, ruleset: Ruleset) -> BureauAnswer:
        """What is known of a page. What is about to run out is asked for again behind the reader's back."""
        labels: list[Label] = []
        missing: list[tuple[Bureau, tuple[Question, ...]]] = []
        away = waits = False
        for bureau in self.bureaus:
            questions = questions_about(url, bureau.source.ask, facts, policy, ruleset)
            if not questions:
                continue
            look = bureau.known(questions)
            labels += _labels(bureau, look, url, policy)
            away, waits = away or look.away, waits or look.waits
            if look.missing:
                missing.append((bureau, look.missing))
        if missing and not waits:
            self.fetch(missing)
        return BureauAnswer(LabelAnswer(tuple(labels), away), tuple(missing), waits)

    def fetch(self, missing: Sequence[tuple[Bureau, tuple[Question, ...]]]) -> "Future[None]":
        """Ask for what is missing; done when it is known, or when the time of the bureaus is up."""
        work = _fetch(missing)
        try:
            return asyncio.run_coroutine_threadsafe(work, self._running())
        except RuntimeError:  # ended meanwhile
            work.close()
            ended: Future[None] = Future()
            ended.set_result(None)
            return ended

    def close(self, seconds: float = 0.0) -> None:
        """End, after so many seconds; nothing is waited for."""
        with contextlib.suppress(RuntimeError):  # ended already
            asyncio.run_coroutine_threadsafe(self._end(seconds), self._running())

    async def _end(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        for bureau in self.bureaus:
            await bureau.close()
        await asyncio.sleep(0)  # what was aborted is gone after the next round
        asyncio.get_running_loop().stop()

    def _running(self) -> asyncio.AbstractEventLoop:
        """The loop, in its thread: both begin with the first question."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_run, args=(self._loop,), name="sfs bureaus", daemon=True).start()
            return self._loop

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=certifi.where())
        if self.upstream_ca is not None:
            context.load_verify_locations(self.upstream_ca)
            # Certificates of a house's own authority often lack the fields that Python 3.13 insists on (RFC 5280); the
            # connections that the proxy makes for readers take them too.
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        return context


def bureaus_for(sources: Sequence[BureauSource], upstream_ca: Path | None, before: Bureaus | None) -> Bureaus | None:
    """The bureaus of a configuration; None for none. `before`: those of the one that it takes the place of."""
    if before is not None and before.is_for(sources, upstream_ca):
        return before
    if before is not None:
        before.close(AFTER)
    return Bureaus(sources, upstream_ca) if sources else None


def _labels(bureau: Bureau, look: Look, url: Url, policy: Policy) -> Iterator[Label]:
    """The labels of one bureau that count. One that is not trusted, or is away, may close a page, not open it: of its
    labels those above the level alone are taken, so that they neither rate a page nor keep words from it."""
    source = f"bureau {bureau.name}"
    for rated in dict.fromkeys(look.labels):
        label = core_label(rated, source, url)
        if label is not None and (bureau.source.trust or label.rating > policy.level):
            yield label
    for rated in dict.fromkeys(look.ran_out):
        label = core_label(rated, f"{source} (not confirmed)", url)
        now = datetime.now(UTC)
        if label is not None and label.rating > policy.level and (label.until is None or now < label.until):
            yield label


async def _fetch(missing: Sequence[tuple[Bureau, tuple[Question, ...]]]) -> None:
    await asyncio.gather(*(bureau.fetch(questions) for bureau, questions in missing))


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
    loop.close()
