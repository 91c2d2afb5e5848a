"""What is installed is what is here: declared dependencies, the wheel, `pip install .`, a fresh clone.

The long tests fetch packages. They work on a copy of what a commit would hold, in an environment that knows nothing of
this one. `BARE` is the PATH of a bare machine: this Python under its own name, which uv looks for, and the system's.
"""

import ast
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

import pytest

from tests.test_docs import BLOCKS, help_page, on_free_port, started

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
INSTALLING = [line.partition(" #")[0].strip() for b in BLOCKS if b.mark == "sh install" for line in b.text.splitlines()]
NOT_BASE = ("pytest", "hypothesis", "playwright", "ruff", "mypy")


def plain(name: str) -> str:
    """A distribution's name as packaging compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: list[str]) -> set[str]:
    """The names in a list of requirements."""
    return {plain(re.split(r"[ <>=!~;\[]", text, maxsplit=1)[0]) for text in requirements}


BASE = names(PROJECT["project"]["dependencies"])
EXTRAS = {name: names(listed) for name, listed in PROJECT["project"]["optional-dependencies"].items()}
OURS = {"sfs-filter"}  # the group of the tests takes the extras by this name
GROUPS = {name: names(listed) - OURS for name, listed in PROJECT["dependency-groups"].items()}
PINS = dict(pin.split("==") for pin in PROJECT["tool"]["uv"]["constraint-dependencies"])


# Quick


def test_every_direct_dependency_has_a_tested_version():
    assert {plain(name) for name in PINS} == BASE.union(*GROUPS.values(), *EXTRAS.values())


@pytest.mark.parametrize("name", PINS)
def test_the_tested_version_is_the_one_installed(name):
    try:
        installed = version(name)
    except PackageNotFoundError:
        # `uv run pytest` installs base and dev; the linters are there only in .ci/run.
        assert plain(name) in GROUPS["lint"] and plain(name) not in BASE | GROUPS["dev"]
        return
    assert installed == PINS[name], f"pyproject.toml, [tool.uv]: write {name}=={installed}, once all tests pass with it"


def imported(folder: Path) -> dict[str, str]:
    """The top names that files below `folder` import, beside the standard library and ourselves -> one such file."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules = [node.module]
            for module in modules:
                found.setdefault(module.partition(".")[0], str(path.relative_to(ROOT)))
    return {name: file for name, file in found.items() if name not in sys.stdlib_module_names | {"sfs", "tests"}}


def undeclared(folder: Path, declared: set[str]) -> dict[str, str]:
    """The imports below `folder` that no declared distribution brings."""
    brings = packages_distributions()
    return {
        name: file
        for name, file in imported(folder).items()
        if not declared & {plain(distribution) for distribution in brings.get(name, ())}
    }


def test_every_import_of_sfs_is_declared():
    assert undeclared(ROOT / "sfs", BASE.union(*EXTRAS.values())) == {}


def test_every_import_of_the_tests_is_declared():
    assert undeclared(ROOT / "tests", BASE.union(GROUPS["dev"], *EXTRAS.values())) == {}


def test_every_dependency_is_imported():
    brings = packages_distributions()
    used = {plain(distribution) for name in imported(ROOT / "sfs") for distribution in brings.get(name, ())}
    assert BASE.union(*EXTRAS.values()) - used == set()


def test_the_filter_starts_without_the_packages_of_its_extras():
    """What `sfs run` imports before and beside the page; the long test below runs it in an environment without."""
    code = f"""
import sys
for name in {sorted(module_names((EXTRAS["admin"] | EXTRAS["fast"]) - BASE_OF_MITMPROXY))!r}:
    sys.modules[name] = None  # an import of it fails
import sfs.cli.run, sfs.cli.beside, sfs.proxy.run, sfs.cli.admin
from sfs.cli.beside import AdminPage
from sfs.errors import SfsError
from sfs.sources.values import Listen
try:
    AdminPage((Listen("127.0.0.1", 0),), None).start(None)
except SfsError as fault:
    print(fault)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert "pip install 'sfs-filter[admin]'" in done.stdout, done.stderr


BASE_OF_MITMPROXY = {"argon2-cffi", "cryptography"}  # mitmproxy brings them itself


def module_names(distributions: set[str]) -> set[str]:
    """What these distributions are imported by."""
    return {name for name, found in packages_distributions().items() if {plain(one) for one in found} & distributions}


# Long


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """What a commit of this tree would hold, without the rest."""
    target = tmp_path_factory.mktemp("source") / "sfs-filter"
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("git is not installed, or this is no clone")
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.fixture
def clone(copy, tmp_path) -> Path:
    """A fresh clone."""
    return Path(shutil.copytree(copy, tmp_path / "clone"))


@pytest.fixture(scope="module")
def bare(tmp_path_factory) -> Path:
    """A folder that holds this Python under its full name alone, as `python3.13`."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / f"python3.{sys.version_info.minor}").symlink_to(Path(sys.executable).resolve())
    return folder


def bare_environment(home: Path, *path: Path) -> dict[str, str]:
    """The environment of a bare machine: nothing of this one's but how packages are fetched, and uv's store of them."""
    kept = ("PIP_", "UV_INDEX", "UV_DEFAULT_INDEX", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "LANG")
    store = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
    return {key: value for key, value in os.environ.items() if key.upper().startswith(kept)} | {
        "HOME": str(home),
        "PATH": ":".join([*map(str, path), "/usr/bin", "/bin"]),
        "UV_CACHE_DIR": store,
    }


def run(command: str, folder: Path, environment: dict[str, str], timeout: float = 600) -> str:
    """Run a line of a shell; what it printed."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def filters(command: str, folder: Path, environment: dict[str, str]) -> None:
    """Start the filter by `command`, as written where its port is free, and look at one page through it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free = probe.connect_ex(("127.0.0.1", 8080)) != 0
    command = command if free else on_free_port(command)
    with started(command, folder, environment, timeout=600) as (printed, port):
        assert "level 2: " in printed
        assert "The filter is on for this device" in help_page(port)


def readme_line(*parts: str) -> str:
    """The one installing command of the README with these parts."""
    (found,) = [line for line in INSTALLING if all(part in line for part in parts)]
    return found


@pytest.mark.long
def test_the_wheel_holds_the_rules_and_profiles_and_no_tests(clone, tmp_path):
    subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist"], cwd=clone, check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {info.filename for info in archive.infolist() if not info.is_dir()}
    for folder in ("rules", "profiles"):
        files = {path.relative_to(clone).as_posix() for path in (clone / folder).rglob("*") if path.is_file()}
        assert files and {f"sfs/_data/{name}" for name in files} <= held
    ours = {path.relative_to(clone).as_posix() for path in (clone / "sfs").rglob("*") if path.is_file()}
    assert ours <= held
    assert {name.partition("/")[0] for name in held if ".dist-info/" not in name} == {"sfs"}


@pytest.mark.long
def test_pip_install_gives_the_same_sfs_on_base_dependencies_alone(clone, tmp_path):
    environment = bare_environment(tmp_path)
    empty = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", empty], check=True)
    run(f"{empty}/bin/pip install --quiet .", clone, environment)
    shutil.rmtree(clone)  # nothing may still be read from there
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    installed = names(run(f"{empty}/bin/pip list --format=freeze", elsewhere, environment).splitlines())
    assert installed >= BASE | {"sfs-filter"}
    assert not installed & set(NOT_BASE)
    sfs, here = f"{empty}/bin/sfs", f"{sys.executable} -m sfs"
    for arguments in ("--version", "levels", "settings", "explain --level 1 http://example.com/", "check --level 2"):
        assert run(f"{sfs} {arguments}", elsewhere, environment) == run(f"{here} {arguments}", ROOT, environment)
    filters(f"{sfs} run --level 2 --listen 127.0.0.1:0", elsewhere, environment)


@pytest.mark.long
def test_both_commands_of_the_readme_work_in_a_fresh_clone(clone, bare, tmp_path):
    # A machine whose pip installs: a venv first in PATH, so that nothing of the real one is changed.
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "machine"], check=True)
    environment = bare_environment(tmp_path, tmp_path / "machine" / "bin", bare)
    the_filter, the_tests = INSTALLING[:2]
    filters(the_filter, clone, environment)
    shutil.rmtree(clone / ".venv")
    # All tests would run this one again, and so on without end; which of them run does not matter to the set-up.
    few = environment | {"PYTEST_ADDOPTS": "-k test_every_room_has_a_rank"}
    assert re.search(r"\d+ passed", run(the_tests, clone, few).splitlines()[-1])


@pytest.mark.long
@pytest.mark.parametrize("way", ["python3 -m venv .venv-uv", "pipx install uv"])
def test_the_variants_of_the_readme_work_in_a_fresh_clone(way, clone, bare, tmp_path):
    path = [bare]
    if shutil.which("python3", path="/usr/bin:/bin") is None:
        pytest.skip("no python3 of the system's own")
    if way.startswith("pipx") and shutil.which("pipx", path="/usr/bin:/bin") is None:
        subprocess.run([sys.executable, "-m", "venv", tmp_path / "pipx"], check=True)
        run(f"{tmp_path}/pipx/bin/pip install --quiet pipx", tmp_path, bare_environment(tmp_path))
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "pipx").symlink_to(tmp_path / "pipx" / "bin" / "pipx")
        path.append(tmp_path / "bin")
    filters(readme_line(way), clone, bare_environment(tmp_path, *path))


@pytest.mark.long
def test_the_readme_without_uv_works_in_a_fresh_clone(clone, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").symlink_to(Path(sys.executable).resolve())
    filters(readme_line("pip install '.[admin]'"), clone, bare_environment(tmp_path, tmp_path / "bin"))
