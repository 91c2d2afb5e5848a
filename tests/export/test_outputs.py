"""Where outputs go: versions, differences, the way back; and where a confidential list may not go."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from sfs.errors import SfsError
from sfs.export import outputs

TODAY = date(2026, 11, 28)
MEMORY = Path("/dev/shm")


def text(serial: int, *names: str) -> str:
    lines = "".join(f"{name} A 192.0.2.80\n" for name in names)
    head = f"; SFS, policy list policy.rpz, serial {serial}\n@ IN SOA localhost. nobody.invalid. {serial} 300 60 1 60\n"
    return f'{head}canary.sfs.example TXT "serial {serial}"\n{lines}'


def test_serials_grow_by_the_day_and_never_fall():
    assert outputs.next_serial(0, TODAY) == 2026112801
    assert outputs.next_serial(2026112801, TODAY) == 2026112802
    assert outputs.next_serial(2027010101, TODAY) == 2027010102


def test_serials_grow_also_where_nothing_of_before_is_left():
    day = [datetime(2026, 11, 28, hour, minute, tzinfo=UTC) for hour in range(24) for minute in (0, 15, 30, 45)]
    found = [outputs.next_serial(0, at) for at in day]
    assert found == sorted(set(found)) and (found[0], found[-1]) == (2026112801, 2026112896)
    assert outputs.next_serial(found[-1], day[-1]) == 2026112897


def test_a_version_of_before_comes_back_under_a_new_serial(tmp_path):
    out = tmp_path / "policy.zone"
    outputs.put(out, text(2026112801, "a.example"))
    outputs.put(out, text(2026112802, "b.example"))
    assert outputs.roll_back(out, TODAY) == 2026112803
    assert out.read_text() == text(2026112803, "a.example")
    assert outputs.roll_back(out, TODAY) == 2026112804
    assert out.read_text() == text(2026112804, "b.example")


def test_a_serial_that_secondaries_take_for_an_older_one_is_refused():
    outputs.check_serial(2026112801 + 2**31 - 1, 2026112801)
    for serial in (2026112801 + 2**31, 4294967295, 2026112801, 5):
        with pytest.raises(SfsError, match="above 2026112801"):
            outputs.check_serial(serial, 2026112801)


def test_a_full_disk_leaves_the_version_in_force_and_that_of_before(tmp_path):
    resource = pytest.importorskip("resource", reason="limits of files are of Unix")
    out, previous = tmp_path / "policy.zone", tmp_path / "policy.zone.previous"
    outputs.put(out, text(1, "a.example"))
    outputs.put(out, text(2, "b.example"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(SfsError, match="cannot be written"):
            outputs.put(out, text(3, *(f"n{number}.example" for number in range(500))))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (out.read_text(), previous.read_text()) == (text(2, "b.example"), text(1, "a.example"))
    assert sorted(tmp_path.iterdir()) == [out, previous]


def test_a_command_that_was_ended_before_the_last_step_does_no_harm(tmp_path):
    out, previous = tmp_path / "policy.zone", tmp_path / "policy.zone.previous"
    outputs.put(out, text(1, "a.example"))
    outputs.keep_previous(out)  # and then it was ended
    outputs.put(out, text(2, "b.example"))
    assert (out.read_text(), previous.read_text()) == (text(2, "b.example"), text(1, "a.example"))
    assert sorted(tmp_path.iterdir()) == [out, previous]


def test_nothing_of_before_is_no_way_back(tmp_path):
    outputs.put(tmp_path / "out", text(1, "a.example"))
    with pytest.raises(SfsError, match="no version of before"):
        outputs.roll_back(tmp_path / "out", TODAY)


def test_a_file_that_is_not_ours_is_not_replaced(tmp_path):
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n")
    with pytest.raises(SfsError, match="no output of SFS"):
        outputs.read_version(tmp_path / "hosts")
    assert outputs.read_version(tmp_path / "none") is None


def test_a_difference_leaves_serials_out(tmp_path):
    (tmp_path / "out").write_text(text(1, "a.example", "b.example"))
    before = outputs.read_version(tmp_path / "out")
    assert outputs.difference(before, text(2, "a.example", "b.example")).size == 0
    found = outputs.difference(before, text(2, "b.example", "c.example"))
    assert (found.removed, found.added) == (("a.example A 192.0.2.80",), ("c.example A 192.0.2.80",))


def test_a_change_past_the_bound_waits_for_somebody(tmp_path):
    names = [f"n{number}.example" for number in range(1000)]
    (tmp_path / "out").write_text(text(1, *names))
    before = outputs.read_version(tmp_path / "out")
    outputs.check_change(outputs.difference(before, text(2, *names[100:])))
    with pytest.raises(SfsError, match="--accept-change"):
        outputs.check_change(outputs.difference(before, text(2, *names[300:])))


@pytest.mark.parametrize(
    ("went", "came", "whole", "many"),
    [
        (0, 100, 1, False), (50, 50, 60, False), (51, 50, 60, True),
        (9, 0, 9, False), (5, 0, 10, False), (6, 0, 10, True), (6, 0, 12, False), (7, 0, 12, True), (7, 1, 12, False),
        (45, 0, 90, False), (46, 0, 90, True), (85, 80, 90, True),
        (100, 100, 1000, False), (101, 100, 1000, True), (200, 0, 1000, False), (201, 0, 1000, True),
    ],
)  # fmt: skip
def test_how_many_changes_look_like_a_mistake(went, came, whole, many):
    assert outputs.too_many(went, came, whole) is many


def test_what_is_written_its_group_may_read_and_nobody_else(tmp_path):
    outputs.put(tmp_path / "out", text(1, "a.example"))
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640


def test_a_disk_is_no_place_for_a_secret(tmp_path):
    device = tmp_path.stat().st_dev
    mounts = "30 1 {}:{} / / rw - {} x rw\n"
    on_disk = mounts.format(os.major(device), os.minor(device), "ext4")
    in_memory = mounts.format(os.major(device), os.minor(device), "tmpfs")
    outputs.check_secret_file(tmp_path / "out", in_memory)
    for other in (on_disk, in_memory + on_disk, ""):
        with pytest.raises(SfsError, match="goes to no disk"):
            outputs.check_secret_file(tmp_path / "out", other)


def test_a_pipe_and_memory_may_take_a_secret(tmp_path):
    read, write = os.pipe()
    try:
        outputs.check_secret_stream(write)
    finally:
        os.close(read)
        os.close(write)
    with (tmp_path / "file").open("w") as file:
        with pytest.raises(SfsError, match="pipe"):
            outputs.check_secret_stream(file.fileno(), "")
        device = tmp_path.stat().st_dev
        mounts = f"30 1 {os.major(device)}:{os.minor(device)} / / rw - tmpfs x rw\n"
        outputs.check_secret_stream(file.fileno(), mounts)
    controller, terminal = os.openpty()
    try:
        with pytest.raises(SfsError):
            outputs.check_secret_stream(terminal)
    finally:
        os.close(controller)
        os.close(terminal)
