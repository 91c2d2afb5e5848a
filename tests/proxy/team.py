"""A hub and workers in one process, on one loop."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

from sfs.proxy.workers.hub import Hub
from sfs.proxy.workers.member import Member
from sfs.sources.config import Config, load_config
from sfs.sources.hourly import Hourly
from sfs.sources.live import Live
from sfs.sources.values import Listen


class Team:
    """A hub and the workers that were started with it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.hub = Hub(config, 0)
        self.dead: list[Hub] = []
        self.reloads = 0
        self.pages: list[tuple[Listen, ...]] = []
        self.kept: list[Any] = []
        self.members: list[Member] = []

    def next_hub(self) -> None:
        """The hub is killed, with what it had in memory, and another one comes in its place: it begins by the files,
        and meets the workers."""
        self.hub.leave()
        self.hub.journal._hourly = Hourly()
        self.dead.append(self.hub)
        self.hub = Hub(self.config, 0)
        for member in self.members:
            self.meet(member)

    def meet(self, member: Member) -> None:
        """Give the hub and a worker the two ends of a socket."""
        one, other = socket.socketpair()
        member.join(one)
        self.hub.join(other)

    def member(self, generation: int = 0) -> Member:
        """One more worker; the hub knows it."""

        def load(old: Any) -> Any:
            self.reloads += 1
            return old

        live = Live(SimpleNamespace(config=self.config), load)  # type: ignore[arg-type]
        live.reload = lambda: load(live.filter)  # type: ignore[method-assign]  # what changed is nobody's question here
        made = Member(b"k" * 32, live, generation, self.pages.append)
        self.meet(made)
        self.kept.append(made.kept(self.config))
        self.members.append(made)
        return made

    async def end(self) -> None:
        """Nothing is left running."""
        for kept in self.kept:
            await asyncio.to_thread(kept.close)
        for member in self.members:
            member.leave()
        self.hub.leave()
        for hub in (*self.dead, self.hub):
            await asyncio.to_thread(hub.close)


def in_team(tmp_path, scene) -> None:
    """Run `scene(team)` on a loop."""

    async def run() -> None:
        team = Team(load_config(None, {"level": 2, "state": tmp_path}))
        try:
            await scene(team)
        finally:
            await team.end()

    asyncio.run(run())


async def until(what) -> None:
    """Wait until it is so; who calls bounds it."""
    while not what():  # noqa: ASYNC110 - several processes in one, none of which says when
        await asyncio.sleep(0.01)
