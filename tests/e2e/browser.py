"""Real Chromium for the end-to-end tests: Debian's package, headless, driven by Playwright.

Chromium cannot choose the address it connects from, but groups of readers are told apart by it. `Relay` is a port of
our own that passes bytes on from another loopback address, so one `sfs run` serves the readers of every level."""

import asyncio
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Response
from playwright.sync_api import Error as BrowserError

CHROMIUM = Path("/usr/bin/chromium")
TIMEOUT = 30_000  # milliseconds; a page of the tests takes well under one second on a quiet machine
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def missing() -> str | None:
    """What the tests with a browser lack here, as a reason to skip them; None where all is there."""
    if not CHROMIUM.is_file():
        return "Debian's package chromium is not installed"
    if shutil.which("certutil") is None:
        return "certutil is not installed (Debian's package libnss3-tools)"
    return None


def trust(home: Path, *certificates: Path) -> None:
    """Make `home` the home of a reader whose browser trusts these CAs: Chromium on Linux reads the NSS store in it."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True, exist_ok=True)

    def run(*arguments: str) -> None:
        subprocess.run(["certutil", "-d", f"sql:{store}", *arguments], check=True, capture_output=True, timeout=60)

    run("-N", "--empty-password")
    for number, certificate in enumerate(certificates):
        run("-A", "-t", "C,,", "-n", f"ca {number}", "-i", str(certificate))


@contextmanager
def chromium(play: Playwright, home: Path, *more: str) -> Iterator[Browser]:
    """One Chromium with a new profile and this HOME; windows of it may use different proxies and languages."""
    # A proxy or a display of the machine is not meant for this browser.
    environment: dict[str, str | float | bool] = {
        key: value for key, value in os.environ.items() if "proxy" not in key.lower() and key != "DISPLAY"
    }
    environment["HOME"] = str(home)
    browser = play.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *more], env=environment)
    try:
        yield browser
    finally:
        browser.close()


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of opening a URL. `status` is None and `error` Chromium's word where there was no page."""

    status: int | None
    text: str
    error: str = ""
    response: Response | None = field(default=None, repr=False)

    @property
    def blocked(self) -> bool:
        """Whether the filter closed it: its page, or a tunnel that it refused."""
        return self.status in (403, 451) or self.tunnel_refused

    @property
    def tunnel_refused(self) -> bool:
        return "net::ERR_TUNNEL_CONNECTION_FAILED" in self.error


class Reader:
    """A browser window with a language and a proxy (HOST:PORT, None for none): one page, which goes from URL to URL."""

    def __init__(self, browser: Browser, proxy: str | None, locale: str = "en-US", width: int = 1280) -> None:
        self.context: BrowserContext = browser.new_context(
            proxy={"server": f"http://{proxy}", "bypass": "<-loopback>"} if proxy else None,
            locale=locale,
            viewport={"width": width, "height": 800},
            service_workers="block",
            accept_downloads=True,
        )
        self.context.set_default_timeout(TIMEOUT)
        self.page: Page = self.context.new_page()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        self.context.close()

    def open(self, url: str) -> Visit:
        """Go to a URL, as typed into the address bar."""
        try:
            response = self.page.goto(url, wait_until="domcontentloaded")
        except BrowserError as fault:
            # Chromium loads an error page of its own a moment later: the next visit must not meet it half way.
            self.page.close()
            self.page = self.context.new_page()
            return Visit(None, "", fault.message)
        text = self.page.text_content("body") or ""  # needs no layout, unlike inner_text: three times as fast
        return Visit(response.status if response else None, text, response=response)


class Relay:
    """Passes connections on to `port` from another loopback address. `address` is HOST:PORT for a browser."""

    def __init__(self, port: int, source: str) -> None:
        self._target, self._source = port, source
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self.port = 0

    def __enter__(self) -> "Relay":
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return f"127.0.0.1:{self.port}"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target, local_addr=(self._source, 0))
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Bytes one way until their end; cancelled, it still closes."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except (OSError, asyncio.CancelledError):
        pass
    finally:
        writer.close()
