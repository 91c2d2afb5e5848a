"""Small listeners that count who comes, and private networks made of kernel namespaces, for the tests of what a client
may reach. A namespace belongs to one thread; what is started from that thread (sockets, threads, processes) lives in
it."""

import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any


class Sink:
    """Listens at one address, answers every connection's first bytes with `text` as a page, and counts them."""

    def __init__(self, host: str, port: int = 0, text: str = "reached") -> None:
        self.text = text
        self.visits: list[bytes] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, dualstack_ipv6=host == "::")
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> "Sink":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.visits.append(b"")
            thread = threading.Thread(target=self._answer, args=(connection, len(self.visits) - 1), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _answer(self, connection: socket.socket, number: int) -> None:
        body = self.text.encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with connection:
            connection.settimeout(10)
            try:
                while data := connection.recv(65536):
                    self.visits[number] += data
                    connection.sendall(head + body)
            except OSError:
                pass


class Dns:
    """A DNS server on 127.0.0.1:53. `answers` maps a name to the addresses that its A queries get, one after the
    other, round and round; other names do not exist."""

    def __init__(self, answers: dict[str, list[str]]) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self._given: dict[str, int] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it: an empty datagram is the word for that."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, peer = self._socket.recvfrom(4096)
            if not query:
                return
            self._socket.sendto(self._reply(query), peer)

    def _reply(self, query: bytes) -> bytes:
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii").lower())
            at += 1 + query[at]
        name, question = ".".join(labels), query[12 : at + 5]
        (kind,) = struct.unpack_from("!H", query, at + 1)
        addresses = self.answers.get(name)
        if addresses is None or kind != 1:
            code = 3 if addresses is None else 0
            return query[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, 0, 0, 0) + question
        self.asked.append(name)
        number = self._given[name] = self._given.get(name, -1) + 1
        address = addresses[number % len(addresses)]
        record = struct.pack("!HHHIH", 0xC00C, 1, 1, 0, 4) + socket.inet_aton(address)
        return query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + question + record


class Namespace:
    """A thread with a network of its own, and with its own view of mounts where `mounts` says so."""

    def __init__(self, *, mounts: bool = False) -> None:
        self._pool = ThreadPoolExecutor(1)
        self.thread: int = self.run(self._enter, mounts)

    def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Call `work` inside; its result."""
        return self._pool.submit(work, *arguments).result(120)

    def ip(self, *commands: str) -> None:
        """Run `ip ...` inside, one command a string."""
        for text in commands:
            self.run(lambda text=text: subprocess.run(["ip", *text.split()], check=True, capture_output=True))

    def close(self) -> None:
        """End the thread; the network goes with its last user."""
        self._pool.shutdown()

    @staticmethod
    def _enter(mounts: bool) -> int:
        os.unshare(os.CLONE_NEWNET | (os.CLONE_NEWNS if mounts else 0))
        if mounts:
            subprocess.run(["mount", "--make-rprivate", "/"], check=True, capture_output=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, capture_output=True)
        return threading.get_native_id()

    def use_resolver(self, file: Path) -> None:
        """Let names be looked up as `file` (a resolv.conf) says; needs `mounts`."""
        command = ["mount", "--bind", str(file), os.path.realpath("/etc/resolv.conf")]
        self.run(lambda: subprocess.run(command, check=True, capture_output=True))


def why_no_namespaces() -> str | None:
    """Why private networks cannot be made here; None where they can."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return "private networks need root"
    done = subprocess.run(["unshare", "-n", "-m", "ip", "link"], capture_output=True)
    return None if done.returncode == 0 else f"private networks cannot be made here: {done.stderr.decode()[:200]}"
