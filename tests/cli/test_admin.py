"""`sfs admin link`: a link from another process, for the first password and for a forgotten one."""

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from sfs.admin.address import base_url
from sfs.cli.main import cli
from sfs.errors import SfsError
from sfs.web.door import open_door
from sfs.web.permissions import Role

PASSWORD = "correct horse battery"


def link(*arguments):
    """What the command prints; the token in it."""
    result = CliRunner().invoke(cli, ["admin", "link", *map(str, arguments)], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    found = re.search(r"(https?://\S+)/setup/([\w-]{22})\n", result.output)
    assert found, result.output
    return found[1], found[2]


def test_it_makes_the_first_link_and_later_one_to_reset(tmp_path):
    base, token = link("--state", tmp_path)
    assert base == "http://127.0.0.1:8081"
    door = open_door(tmp_path / "accounts.db")
    assert door.links.look(token).purpose == "setup"
    assert door.links.use(token, PASSWORD).name == "admin"
    base, token = link("--state", tmp_path, "--admin", "192.0.2.7:8443")
    assert base == "https://192.0.2.7:8443"
    assert (door.links.look(token).purpose, door.links.look(token).name) == ("reset", "admin")
    door.close()


def test_it_asks_whose_where_that_is_not_clear(tmp_path):
    door = open_door(tmp_path / "accounts.db")
    for name in ("one", "two"):
        door.accounts.add(name, PASSWORD, Role.ADMINISTRATOR)
    with pytest.raises(SfsError, match="several administrators"):
        link("--state", tmp_path)
    with pytest.raises(SfsError, match="no account 'three'"):
        link("--state", tmp_path, "--user", "three")
    assert door.links.look(link("--state", tmp_path, "--user", "TWO")[1]).name == "two"
    door.close()


def test_a_state_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(SfsError, match="cannot be opened"):
        link("--state", tmp_path / "x")


def test_without_the_extra_the_line_that_installs_it_is_named(tmp_path):
    code = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from sfs.cli.main import main; sys.argv = ['sfs', 'admin', 'link', '--state', sys.argv[1]]; main()"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "sfs-filter[admin]" in done.stderr


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("127.0.0.1", 80, "http://127.0.0.1"),
        ("::1", 8081, "http://[::1]:8081"),
        ("192.0.2.7", 443, "https://192.0.2.7"),
        ("0.0.0.0", 8081, "https://127.0.0.1:8081"),
        ("2001:db8::7", 8081, "https://[2001:db8::7]:8081"),
    ],
)
def test_the_address_is_as_it_is_typed(host, port, url):
    assert base_url(host, port) == url
