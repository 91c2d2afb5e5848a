"""Where things stand on this machine: the rules and profiles that come with SFS, and the folder of its own data."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def rules_dir() -> Path:
    """The folder `rules/`: inside the package where SFS is installed, beside it in a checkout."""
    return _shipped("rules")


def profiles_dir() -> Path:
    """The folder `profiles/`, found as `rules_dir`."""
    return _shipped("profiles")


def default_state_dir() -> Path:
    """Where data of SFS lives unless `state` says otherwise: the user's data folder and /sfs."""
    return state_dir_of(sys.platform, os.environ, Path.home())


def state_dir_of(platform: str, environ: Mapping[str, str], home: Path) -> Path:
    """The data folder on a platform, with this environment. XDG: relative paths there are to be ignored."""
    if platform == "win32":
        local = environ.get("LOCALAPPDATA")
        return (Path(local) if local else home / "AppData" / "Local") / "sfs"
    if platform == "darwin":
        return home / "Library" / "Application Support" / "sfs"
    xdg = environ.get("XDG_DATA_HOME", "")
    return (Path(xdg) if xdg.startswith("/") else home / ".local" / "share") / "sfs"


def _shipped(name: str) -> Path:
    # The package first: beside an installed one stand the folders of other packages.
    inside = _PACKAGE / "_data" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
