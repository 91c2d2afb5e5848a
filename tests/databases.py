"""A real PostgreSQL for tests: Debian's, in a folder of its own with its socket in it, stopped at the end."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

WAIT = 60  # seconds until the server answers


class Postgres:
    """A server that can be stopped, killed and started again. `database()` is the URL of a new, empty database."""

    def __init__(self, folder, programs, as_user):
        self._folder = folder
        self._programs = programs
        self._as_user = as_user
        self._server = None
        self._made = 0
        self._run("initdb", "-D", self._data, "-U", "sfs", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")

    @property
    def _data(self):
        return str(self._folder / "data")

    def start(self):
        """Start it, and return when it answers."""
        settings = ["fsync=off", "shared_buffers=32MB", "max_connections=40", "listen_addresses="]
        settings += [f"unix_socket_directories={self._folder}", "max_wal_size=256MB"]
        arguments = [part for setting in settings for part in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [*self._as_user, str(self._programs / "postgres"), "-D", self._data, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder,
            )  # fmt: skip
        from psycopg import OperationalError

        end = time.monotonic() + WAIT
        while time.monotonic() < end and self._server.poll() is None:
            with suppress(OperationalError):
                self._connect().close()
                return
            time.sleep(0.05)  # between two questions whether it is ready
        raise RuntimeError((self._folder / "log").read_text(errors="replace")[-2000:])

    def stop(self):
        """Stop it at once; connections are cut."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(timeout=WAIT)
        self._server = None

    def database(self):
        """The URL of a new database."""
        self._made += 1
        name = f"test{self._made}"
        with closing(self._connect()) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://sfs@/{name}?host={self._folder}"

    def _connect(self):
        from psycopg import connect

        return connect(host=str(self._folder), user="sfs", dbname="postgres", autocommit=True)

    def _run(self, program, *arguments):
        command = [*self._as_user, str(self._programs / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT, cwd=self._folder)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def postgres():
    """PostgreSQL, started where the first test asks for it."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "/nowhere")]
    if not found[-1].exists():
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="sfs-postgres-"))  # a short path: names of sockets are
    as_user = ["setpriv", "--pdeathsig=QUIT"]  # it ends with the tests, however they end
    if os.geteuid() == 0:  # it refuses to run as root
        shutil.chown(folder, "nobody", "nogroup")
        as_user += ["--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    server = None
    try:
        server = Postgres(folder, found[-1].parent, as_user)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
