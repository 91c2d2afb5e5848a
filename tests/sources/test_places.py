"""Folders of SFS."""

from pathlib import Path

import pytest

from sfs.sources import places

HOME = Path("/home/anna")


@pytest.mark.parametrize(
    ("platform", "environ", "folder"),
    [
        ("linux", {}, HOME / ".local/share/sfs"),
        ("linux", {"XDG_DATA_HOME": "/data"}, Path("/data/sfs")),
        ("linux", {"XDG_DATA_HOME": "data"}, HOME / ".local/share/sfs"),
        ("freebsd14", {"XDG_DATA_HOME": ""}, HOME / ".local/share/sfs"),
        ("darwin", {"XDG_DATA_HOME": "/data"}, HOME / "Library/Application Support/sfs"),
        ("win32", {"LOCALAPPDATA": "/local"}, Path("/local/sfs")),
        ("win32", {}, HOME / "AppData/Local/sfs"),
    ],
)
def test_state_lies_in_the_data_folder_of_the_platform(platform, environ, folder):
    assert places.state_dir_of(platform, environ, HOME) == folder


def test_state_of_this_machine_is_an_absolute_folder():
    assert places.default_state_dir().is_absolute()
    assert places.default_state_dir().name == "sfs"


def test_rules_and_profiles_are_there():
    assert (places.rules_dir() / "ratings").is_dir()
    assert (places.profiles_dir() / "household.yaml").is_file()


def test_folder_inside_an_installed_package_comes_first(monkeypatch, tmp_path):
    package = tmp_path / "sfs"
    (tmp_path / "rules").mkdir()
    monkeypatch.setattr(places, "_PACKAGE", package)
    assert places.rules_dir() == tmp_path / "rules"
    (package / "_data" / "rules").mkdir(parents=True)
    assert places.rules_dir() == package / "_data" / "rules"
