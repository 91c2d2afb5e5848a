"""`sfs service`: the unit is one that systemd takes, and the filter works under what it forbids."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sfs.export.container import container_file
from tests.e2e.origin import Reply, page
from tests.e2e.proxy import ROOT

MOST_EXPOSED = 20  # of 100, by `systemd-analyze security`
# Put on before anything else is imported: what NoNewPrivileges, SystemCallFilter and, where the unit has it,
# MemoryDenyWriteExecute mean to the kernel.
RESTRICTED = """
import ctypes, errno, os
from ctypes.util import find_library
names = os.environ.pop("SFS_TEST_CALLS", "").split()
if names:
    libc, seccomp = ctypes.CDLL(None, use_errno=True), ctypes.CDLL(find_library("seccomp"))
    seccomp.seccomp_init.restype = ctypes.c_void_p
    PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
    if os.environ.pop("SFS_TEST_MDWE") == "yes" and libc.prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0):
        os._exit(3)
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(0x00050000 | errno.EPERM)))
    for name in names:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            seccomp.seccomp_rule_add(context, ctypes.c_uint32(0x7FFF0000), number, 0)
    if seccomp.seccomp_load(context):
        os._exit(4)
    try:
        os.chroot("/")  # one of @privileged
    except PermissionError:
        print("restricted", flush=True)
"""


def sfs(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sfs", "service", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not installed (Debian's package systemd)")
    return found


@pytest.fixture(scope="module")
def unit(tmp_path_factory) -> Path:
    """The unit that `sfs service install` writes."""
    folder = tmp_path_factory.mktemp("units")
    done = sfs("install", "--level", 2, "--units", folder)
    assert done.returncode == 0, done.stderr
    assert "systemctl enable --now sfs" in done.stdout
    return folder / "sfs.service"


def test_systemd_finds_no_fault_in_the_unit(analyze, unit):
    done = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "sfs.service" in line]) == (0, [])


def test_the_unit_leaves_little_open(analyze, unit):
    command = [analyze, "security", "--offline=true", f"--threshold={MOST_EXPOSED}", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-2000:]


def test_a_dry_run_prints_the_same_and_writes_nothing(unit, tmp_path):
    done = sfs("install", "--level", 2, "--units", tmp_path, "--dry-run")
    assert done.stdout == unit.read_text()
    assert list(tmp_path.iterdir()) == []


def test_the_link_it_names_leads_to_where_the_page_is(tmp_path):
    config = tmp_path / "school.yaml"
    config.write_text("level: 1\nadmin: 127.0.0.1:9000\n")
    done = sfs("install", "--config", config, "--units", tmp_path, "--user-name", "school")
    assert " admin link --state /var/lib/sfs --admin 127.0.0.1:9000    # another link\n" in done.stdout
    assert "  sudo -u school " in done.stdout


def test_a_service_without_a_level_is_refused_before_anything_is_written(tmp_path):
    done = sfs("install", "--units", tmp_path)
    assert done.returncode == 2 and "no level is chosen" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_unit_goes_again_and_one_of_somebody_else_stays(tmp_path):
    assert sfs("install", "--level", 2, "--units", tmp_path).returncode == 0
    wanted = tmp_path / "multi-user.target.wants" / "sfs.service"
    wanted.parent.mkdir()
    wanted.symlink_to(tmp_path / "sfs.service")
    assert sfs("uninstall", "--units", tmp_path).returncode == 0
    assert not wanted.is_symlink() and not (tmp_path / "sfs.service").exists()
    (tmp_path / "sfs.service").write_text("[Service]\nExecStart=/bin/true\n")
    done = sfs("uninstall", "--units", tmp_path)
    assert done.returncode == 2 and "was not written by sfs" in done.stderr
    assert (tmp_path / "sfs.service").exists()


def allowed_calls(analyze: str, unit: Path) -> list[str]:
    """The system calls that the unit's SystemCallFilter leaves."""
    listed = subprocess.run([analyze, "syscall-filter", "--no-pager"], capture_output=True, text=True, check=True)
    groups: dict[str, list[str]] = {}
    for line in listed.stdout.splitlines():
        if line.startswith("@"):
            groups[line.strip()] = members = []
        elif line.startswith("    ") and not line.strip().startswith("#"):
            members.append(line.strip())

    def expand(name: str) -> set[str]:
        return set().union(*map(expand, groups[name])) if name.startswith("@") else {name}

    allowed = expand("@default")
    for word in re.findall(r"^SystemCallFilter=(.+)$", unit.read_text(), re.MULTILINE):
        allowed = allowed - expand(word[1:]) if word.startswith("~") else allowed | expand(word)
    assert len(allowed) > 200
    return sorted(allowed)


def test_the_filter_works_under_what_the_unit_forbids(analyze, unit, start, origin, tmp_path):
    calls = allowed_calls(analyze, unit)
    (tmp_path / "sitecustomize.py").write_text(RESTRICTED)
    origin.replies["site.test/service"] = Reply(page("Service", body="<p>served</p>"))
    memory = "yes" if "MemoryDenyWriteExecute=yes" in unit.read_text() else "no"
    environment = {"PYTHONPATH": str(tmp_path), "SFS_TEST_CALLS": " ".join(calls), "SFS_TEST_MDWE": memory}
    config = {"level": 2, "https": "inspect", "block": ["other.test"]}
    with start(config, environment=environment) as proxy:
        if not any("restricted" in line for line in proxy.lines):
            pytest.fail("nothing was forbidden, so this shows nothing:\n" + "".join(proxy.lines))
        opened = proxy.curl(f"https://site.test:{origin.https}/service")
        assert (opened.status, "served" in opened.text) == (200, True)
        assert proxy.curl(f"https://other.test:{origin.https}/").status == 403
        proxy.process.terminate()
        assert proxy.process.wait(30) == 0
    assert any("other.test" in file.read_text() for file in (proxy.state / "log").glob("*.jsonl"))


@pytest.mark.long
def test_the_lines_of_the_container_file_run(tmp_path):
    """In a folder instead of an image: what a RUN line does, with a wheel that is empty. Not shown: the base image, the
    packages that pip would fetch, users."""
    wheel = empty_wheel(tmp_path / "wheels")
    runs = re.findall(r"^RUN (.+)$", container_file(), re.MULTILINE)
    assert len(runs) == 4
    environment = os.environ | {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for line in runs:
        if line.startswith("useradd"):
            continue  # it would make a user of this machine
        here = line.replace("/opt/sfs", f"{tmp_path}/opt").replace("/wheels/", f"{tmp_path}/wheels/")
        here = here.replace("/state", f"{tmp_path}/state").replace("chown sfs:sfs", "chown $(id -u):$(id -g)")
        done = subprocess.run(["sh", "-ec", here], env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, (here, done.stderr)
    listed = subprocess.run([tmp_path / "opt/bin/pip", "list"], env=environment, capture_output=True, text=True)
    assert "sfs-filter" in listed.stdout and wheel.is_file()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def empty_wheel(folder: Path) -> Path:
    """A wheel of our name that holds nothing."""
    import zipfile

    folder.mkdir()
    path = folder / "sfs_filter-0.0.1-py3-none-any.whl"
    info = "sfs_filter-0.0.1.dist-info"
    files = {
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: sfs-filter\nVersion: 0.0.1\nProvides-Extra: admin\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD")))
    return path
