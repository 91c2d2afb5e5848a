"""How this very sfs is called: what a unit starts, and what somebody has to type who has lost the link."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from sfs.export.systemd import STATE
from sfs.sources.places import default_state_dir
from sfs.sources.values import Listen

_ADMIN = Listen("127.0.0.1", 8081)  # what `sfs admin link` takes without --admin


def program() -> tuple[str, ...]:
    """The program by its whole path, and what stands before its command."""
    script = Path(sys.argv[0]).absolute()
    if script.name == "sfs" and os.access(script, os.X_OK):
        return (str(script),)
    found = shutil.which("sfs")
    beside = Path(sys.executable).with_name("sfs")
    if beside.is_file():
        return (str(beside),)
    return (found,) if found else (sys.executable, "-m", "sfs")


def link_command(state: Path, admin: Listen, environ: Mapping[str, str] = os.environ, *, user: str = "") -> str:
    """The line that prints a new link for the filter that runs here: with its state folder and the address of its page
    where these are not the usual ones, and as the `user` of the service (who runs this, where none is named). Whoever
    follows the README has no `sfs` in the PATH, and a link made in another state folder opens nothing."""
    service = state.absolute() == Path(STATE)
    called, found = program(), shutil.which("sfs", path=environ.get("PATH", ""))
    if found is not None and len(called) == 1 and Path(found).resolve() == Path(called[0]).resolve() and not service:
        called = ("sfs",)
    words = [*(("sudo", "-u", user or _user()) if service else ()), *called, "admin", "link"]
    if state.absolute() != default_state_dir():
        words += ["--state", str(state.absolute())]
    if admin != _ADMIN:
        words += ["--admin", str(admin)]
    return shlex.join(words)


def _user() -> str:
    """The name of the user that runs this; its number where it has none."""
    try:
        import pwd
    except ImportError:  # another system: there no systemd starts it
        return ""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"#{os.getuid()}"
