"""Many requests in one curl process: one after the other, over the connections that curl keeps."""

import subprocess
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.proxy import Proxy


@dataclass
class Answer:
    """What curl got for one request. `status` is 0 where a CONNECT was refused, `connect` its status; `head` the last
    response's. `arrived`: how often the origin saw the request, where the test counts."""

    status: int
    connect: int
    version: str
    exit: int
    error: str
    head: str
    body: bytes
    arrived: int = 0

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode("utf-8", "replace")


class Batch[Key: Hashable]:
    """Requests through one proxy, collected and then run at once. `folder` is for this batch alone."""

    def __init__(self, proxy: Proxy, folder: Path) -> None:
        self.proxy, self.folder = proxy, folder
        self._keys: list[Key] = []
        self._stanzas: list[str] = []

    def add(
        self,
        key: Key,
        url: str,
        *,
        client: str = "127.0.0.1",
        headers: Sequence[str] = (),
        trust: Path | None = None,
        data: str | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """One request from the address `client`; `options` are further lines of a curl configuration."""
        number = len(self._keys)
        lines = {
            "url": url,
            "proxy": f"http://{self.proxy.address}",
            "interface": client,
            "max-time": 30,
            "output": self.folder / f"{number}.body",
            "dump-header": self.folder / f"{number}.head",
            "write-out": f"{number} %{{http_code}} %{{http_connect}} %{{http_version}} %{{exitcode}} %{{errormsg}}\\n",
        }
        lines |= {"cacert": trust} if trust is not None else {}
        lines |= {"data": data} if data is not None else {}
        text = [f'{name} = "{value}"' for name, value in lines.items()]
        text += [f'header = "{header}"' for header in headers]
        self._keys.append(key)
        self._stanzas.append("\n".join((*text, "globoff", "silent", *options)))

    def run(self) -> dict[Key, Answer]:
        """Ask them all."""
        config = self.folder / "curl.txt"
        config.write_text("\nnext\n".join(self._stanzas), encoding="utf-8")
        command = ["curl", "-q", "-K", str(config)]
        done = subprocess.run(command, capture_output=True, timeout=300, env={"PATH": "/usr/local/bin:/usr/bin:/bin"})
        rows = dict(line.split(" ", 1) for line in done.stdout.decode("utf-8", "replace").splitlines())
        return {key: self._answer(number, rows[str(number)]) for number, key in enumerate(self._keys)}

    def _answer(self, number: int, row: str) -> Answer:
        status, connect, version, exit_, error = row.split(" ", 4)
        body, head = (self.folder / f"{number}.{part}" for part in ("body", "head"))
        heads = head.read_text("latin-1") if head.is_file() else ""
        last = heads.rstrip("\r\n").rpartition("\r\n\r\n")[2]
        content = body.read_bytes() if body.is_file() else b""
        return Answer(int(status), int(connect), version, int(exit_), error, last, content)
