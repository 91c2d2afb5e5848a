"""What lists come in: every packing, every way of being broken, and archives that mean harm."""

import bz2
import contextlib
import gzip
import io
import lzma
import os
import random
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.lists import archive, packed
from sfs.lists.archive import unpack

NAMES = "".join(f"site{number}.example\n" for number in range(500)).encode()
PACK = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}


def tar(members: dict[str, bytes | str | None], **how: object) -> bytes:
    """A tar of files (bytes), links (text; hard ones begin with =) and folders (None)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **how) as made:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                info.type = tarfile.LNKTYPE if content.startswith("=") else tarfile.SYMTYPE
                info.linkname = content.removeprefix("=")
            else:
                info.size = len(content)
            made.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return out.getvalue()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return out.getvalue()


UT1 = {"adult": None, "adult/domains": NAMES, "adult/urls": b"example.com/a\n", "adult/usage": b"black\n"}


@pytest.fixture
def out(tmp_path):
    """Unpack bytes; afterwards nothing lies outside of the folder."""

    def unpacker(data: bytes, member: str | None = None) -> Path:
        source, folder = tmp_path / "source.bin", tmp_path / "in" / "folder"
        source.write_bytes(data)
        try:
            return unpack(source, folder, member)
        finally:
            assert {path.name for path in tmp_path.iterdir()} <= {"source.bin", "in"}
            assert {path.name for path in (tmp_path / "in").glob("*")} <= {"folder"}

    return unpacker


def wide_zstd() -> bytes:
    """A stream that asks for 8 MiB of memory."""
    how = zstandard.ZstdCompressionParameters.from_level(3, window_log=23)
    packer = zstandard.ZstdCompressor(compression_params=how).compressobj()
    return packer.compress(NAMES) + packer.flush()


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_not_packed_passes_as_it_is(out, tmp_path):
    assert out(NAMES) == tmp_path / "source.bin"
    assert out(b"") == tmp_path / "source.bin"
    assert not (tmp_path / "in").exists()
    assert unpack(tmp_path, tmp_path / "in") == tmp_path


@pytest.mark.parametrize("packing", PACK)
def test_single_file_of_every_packing(out, packing):
    path = out(PACK[packing](NAMES))
    assert (path.name, path.read_bytes()) == ("list.txt", NAMES)
    assert oct(path.stat().st_mode & 0o777) == "0o600"


@pytest.mark.parametrize("packing", PACK)
def test_streams_one_behind_the_other_are_one_file(out, packing):
    data = PACK[packing](NAMES[:1000]) + PACK[packing](NAMES[1000:])
    assert out(data).read_bytes() == NAMES


@pytest.mark.parametrize("packing", PACK)
def test_zeros_behind_the_end_are_padding(out, packing):
    assert out(PACK[packing](NAMES) + b"\0" * 512).read_bytes() == NAMES


@pytest.mark.parametrize("packing", PACK)
def test_bytes_behind_the_end_are_damage(out, packing):
    with pytest.raises(SfsError, match=r"damaged|cut"):
        out(PACK[packing](NAMES) + b"more")


@pytest.mark.parametrize("packing", [None, *PACK])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_folder_of_ut1_is_taken_out_of_its_tar(out, packing, form):
    data = tar(UT1, format=form)
    folder = out(PACK[packing](data) if packing else data)
    assert contents(folder) == {"domains": NAMES, "urls": b"example.com/a\n", "usage": b"black\n"}


def test_one_text_file_is_taken_out_of_archives(out, tmp_path):
    members = {"x/README.md": b"read", "x/LICENSE.txt": b"free", "x/names.txt": NAMES, "x/logo.png": b"\x89PNG"}
    assert out(tar(members)).read_bytes() == NAMES
    (tmp_path / "in" / "folder" / "list.txt").unlink()
    assert out(zipped(members)).read_bytes() == NAMES


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_folder_of_squidguard_is_taken_out_of_a_zip(out, method):
    folder = out(zipped({name: data for name, data in UT1.items() if data}, method))
    assert sorted(contents(folder)) == ["domains", "urls", "usage"]


def test_of_many_lists_one_is_named(out):
    members = {
        "blacklists/adult/domains": NAMES,
        "blacklists/games/domains": b"example.com\n",
        "blacklists/x.txt": b"x",
    }
    with pytest.raises(SfsError, match="holds 2 lists: blacklists/adult, blacklists/games"):
        out(tar(members))
    for name in ("games", "blacklists/games", "/blacklists//games/"):
        assert contents(out(tar(members), name)) == {"domains": b"example.com\n"}


def test_file_can_be_named_too(out):
    members = {"a/x.txt": NAMES, "b/x.txt": b"b", "b/y.txt": b"y"}
    assert out(tar(members), "b/x.txt").read_bytes() == b"b"
    with pytest.raises(SfsError, match=r"several are called 'x.txt'"):
        out(tar(members), "x.txt")
    with pytest.raises(SfsError, match=r"nothing is called 'z.txt'"):
        out(tar(members), "z.txt")


@pytest.mark.parametrize("first", [True, False])
def test_links_of_ut1_are_followed_inside_the_archive(out, first):
    link = {"blacklists/porn": "adult"}
    files = {"blacklists/adult/domains": NAMES, "blacklists/ads/domains": b"a\n"}
    assert contents(out(tar(link | files if first else files | link), "porn")) == {"domains": NAMES}


@pytest.mark.parametrize(
    "members",
    [
        {"porn": "adult", "adult/domains": NAMES},
        {"porn/domains": "../adult/domains", "adult/domains": NAMES},
        {"porn/domains": "=adult/domains", "adult/domains": NAMES},
        {"porn": "b", "b": "./c/", "c": "adult", "adult/domains": NAMES},
    ],
)
def test_links_of_every_kind_lead_to_members(out, members):
    assert contents(out(tar(members), "porn")) == {"domains": NAMES}


@pytest.mark.parametrize(
    "link", ["/etc", "../../etc", "porn", "/", "..", "a/../../..", "/adult", "porn/x", "nowhere", "../adult"]
)
def test_links_out_of_the_archive_or_in_circles_lead_nowhere(out, link):
    with pytest.raises(SfsError, match="nothing is called 'porn'"):
        out(tar({"porn": link, "adult/domains": NAMES}), "porn")


@pytest.mark.parametrize("name", ["../domains", "/../../x.txt", "a/../../domains", "..", "x\0.txt"])
@pytest.mark.parametrize("make", [tar, zipped])
def test_no_path_of_an_archive_leaves_the_folder(out, tmp_path, name, make):
    with pytest.raises(SfsError, match=r"holds no list|damaged"):
        out(make({name: NAMES}))
    assert list((tmp_path / "in" / "folder").iterdir()) == []


def test_absolute_paths_are_names_like_others(out):
    assert out(tar({"/etc/names.txt": NAMES})).read_bytes() == NAMES


def test_devices_and_pipes_are_no_lists(out):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as made:
        for kind in (tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("x/domains")
            info.type = kind
            made.addfile(info)
    with pytest.raises(SfsError, match="holds no list"):
        out(data.getvalue())


def test_of_a_member_that_stands_twice_the_last_counts(out):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as made:
        for content in (b"old\n", b"new\n"):
            info = tarfile.TarInfo("x/domains")
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    assert contents(out(data.getvalue())) == {"domains": b"new\n"}


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read(out, form):
    folder = "/".join(["folder" * 5] * 8)
    assert contents(out(tar({f"{folder}/domains": NAMES}, format=form), folder)) == {"domains": NAMES}


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("inner", [NAMES, tar(UT1)], ids=["file", "tar"])
def test_cut_files_are_errors(out, packing, inner):
    data = PACK[packing](inner)
    for keep in (len(data) - 1, len(data) - 5, len(data) // 2, 20, 7):
        with pytest.raises(SfsError, match=r"cut|damaged"):
            out(data[:keep])


@pytest.mark.parametrize("keep", [513, 1000, 1024, 5000, -1024 * 9])
def test_cut_tars_are_errors(out, keep):
    with pytest.raises(SfsError, match="cut"):
        out(tar(UT1)[:keep])


def test_cut_zips_are_errors(out):
    data = zipped({"x.txt": NAMES})
    for keep in range(4, len(data), 7):
        with pytest.raises(SfsError, match=r"cut|damaged"):
            out(data[:keep])


@pytest.mark.parametrize("packing", ["gzip", "xz", "bzip2"])
def test_changed_bytes_are_noticed(out, packing):
    data, dice = PACK[packing](tar(UT1)), random.Random(1)
    for _ in range(40):
        place = dice.randrange(12, len(data))
        changed = data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :]
        try:
            folder = out(changed)
        except SfsError:
            continue
        assert contents(folder)["domains"] == NAMES  # a byte that says nothing of the content, as gzip's system


@pytest.mark.parametrize("content", [{"x.txt": b""}, {"a/domains": b"", "a/urls": b""}, {"a.png": b"x"}])
@pytest.mark.parametrize("make", [lambda members: gzip.compress(tar(members)), zipped])
def test_archives_that_hold_nothing_are_errors(out, make, content):
    with pytest.raises(SfsError, match=r"empty|holds no list"):
        out(make(content))


@pytest.mark.parametrize("packing", PACK)
def test_empty_file_is_an_error_when_packed(out, packing):
    with pytest.raises(SfsError, match="empty"):
        out(PACK[packing](b""))


@pytest.mark.parametrize("packing", PACK)
def test_bombs_are_stopped(out, tmp_path, packing):
    with pytest.raises(SfsError, match="more than 100 times as large"):
        out(PACK[packing](bytes(20_000_000)))
    assert list((tmp_path / "in" / "folder").iterdir()) == []


def test_bombs_in_zips_and_tars_are_stopped(out, monkeypatch):
    monkeypatch.setattr(archive, "FREE", 100_000)
    for data in (zipped({"x.txt": bytes(1 << 20)}), gzip.compress(tar({"not-a-list": bytes(1 << 20)}))):
        with pytest.raises(SfsError, match="more than 100 times"):
            out(data)


def test_size_is_bounded_however_it_is_packed(out, monkeypatch):
    monkeypatch.setattr(archive, "MAX_TOTAL", 5000)
    for data in (gzip.compress(NAMES), tar({"x.txt": NAMES}), zipped({"a.txt": NAMES[:3000], "b.txt": NAMES[:3000]})):
        with pytest.raises(SfsError, match="more than 5000 bytes"):
            out(data)


def test_members_are_bounded(out, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 10)
    for make in (tar, zipped):
        with pytest.raises(SfsError, match="more than 10 files"):
            out(make({f"{number}.png": b"x" for number in range(11)}))


def test_streams_are_bounded(out, monkeypatch):
    monkeypatch.setattr(packed, "MAX_STREAMS", 10)
    with pytest.raises(SfsError, match="more than 10 files packed in one"):
        out(gzip.compress(b"x") * 11)


def test_directory_of_a_zip_is_bounded_before_it_is_read(out):
    for patch in (struct.pack("<HHII", 1, 1, 1 << 30, 0), struct.pack("<HHII", 60_000, 60_000, 100, 0)):
        data = bytearray(zipped({"x.txt": NAMES}))
        data[-14:-2] = patch
        with pytest.raises(SfsError, match="more than 10000 files"):
            out(bytes(data))
    with pytest.raises(SfsError, match="more than 10000 files"):
        data = zipped({"x.txt": NAMES})
        out(data[:-22] + b"PK\x06\x07" + bytes(16) + data[-22:])


def test_memory_of_unpacking_is_bounded(out, monkeypatch):
    monkeypatch.setattr(packed, "MAX_MEMORY", 1 << 20)
    for data in (lzma.compress(NAMES, preset=9), wide_zstd()):
        with pytest.raises(SfsError, match="damaged"):
            out(data)


def test_folders_without_end_are_no_lists(out):
    with pytest.raises(SfsError, match="holds no list"):
        out(tar({f"{'x/' * 5000}domains": NAMES, "y": "x/" * 5000}))


def test_extended_header_of_a_tar_is_bounded(out):
    with pytest.raises(SfsError, match="a header of"):
        out(tar({"x" * 100_000: NAMES}))


def test_encrypted_and_unusual_zips_are_named(out):
    data = bytearray(zipped({"x.txt": NAMES}))
    for at in (6, data.index(b"PK\x01\x02") + 8):
        data[at] |= 1
    with pytest.raises(SfsError, match="encrypted"):
        out(bytes(data))
    with pytest.raises(SfsError, match="unusual"):
        out(zipped({"x.txt": NAMES}, zipfile.ZIP_LZMA))


def test_missing_files_and_pipes_are_errors(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name in ("none", "pipe"):
        with pytest.raises(SfsError, match="no such file"):
            unpack(tmp_path / name, tmp_path / "in")


STARTS = [*packed.MAGIC, b"\x1f\x8b\x08\0\0\0\0\0\0\xff", b"BZh91AY&SY", b""]
GOOD = [tar(UT1), zipped({"x.txt": NAMES}), *(pack(NAMES) for pack in PACK.values())]
HARMED = st.builds(
    lambda data, place, change: data[: place % len(data)] + change + data[place % len(data) + len(change) :],
    st.sampled_from(GOOD),
    st.integers(0, 1 << 20),
    st.binary(min_size=1, max_size=6),
)


@settings(max_examples=300)
@given(st.one_of(st.builds(bytes.__add__, st.sampled_from(STARTS), st.binary(max_size=600)), HARMED))
def test_any_bytes_are_a_list_or_an_error(tmp_path_factory, data):
    folder: Path = tmp_path_factory.mktemp("any", numbered=True)
    (folder / "source").write_bytes(data)
    try:
        found = unpack(folder / "source", folder / "out")
    except SfsError as fault:
        assert fault.mend
        return
    assert found in (folder / "source", folder / "out", folder / "out" / "list.txt")
    if found != folder / "source":
        assert {path.name for path in (folder / "out").iterdir()} <= {"list.txt", *archive._PARTS}


@pytest.mark.parametrize("size", [b"9" * 5000, "\u0663".encode(), b"-1"])
def test_a_size_of_any_form_in_a_header_is_a_list_or_an_error(out, size):
    with tarfile.TarFile(fileobj=io.BytesIO(), mode="w") as made:
        head = made.tarinfo("head")
        head.type, record = tarfile.XHDTYPE, b" size=" + size + b"\n"
        length = next(n for n in range(len(record), len(record) + 9) if len(str(n)) + len(record) == n)
        data = str(length).encode() + record
        head.size = len(data)
        whole = head.tobuf() + data + bytes(-len(data) % 512) + tar({"domains": NAMES})
    with contextlib.suppress(SfsError):
        assert contents(out(whole))


def test_a_name_in_an_archive_steers_no_terminal(out):
    with pytest.raises(SfsError) as caught:
        out(tar({"a\x1b[31m\udcff.txt": NAMES, "b.txt": NAMES}))
    assert "b.txt" in str(caught.value)
    assert all(letter.isprintable() or letter == "\n" for letter in str(caught.value))
