"""Unpacking what lists come in, within bounds, under names of ours.

What a file is, its first bytes tell, not its name. A path inside an archive only says which file is which: it never
becomes a path on the disk, and links lead to other members or nowhere.
"""

import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from sfs.errors import SfsError, Where
from sfs.lists.formats import pihole
from sfs.lists.packed import PIECE, packing_of, unpacked
from sfs.lists.tar import BLOCK, Name, Source, is_tar, members, parts_of, skip_padding

MAX_TOTAL: Final = 300 * 1024 * 1024  # bytes that come out in all: ten million names
MAX_RATIO: Final = 100  # bytes out for one in, past the first; lists of names come to 20
FREE: Final = 10 * 1024 * 1024  # bytes that are no bomb, whatever they were packed in
MAX_MEMBERS: Final = 10_000
MAX_DIRECTORY: Final = 4 * 1024 * 1024  # bytes of a zip's directory
MAX_DEPTH: Final = 32  # folders inside one another
MAX_LINKS: Final = 16  # that are followed one after the other
LIST: Final = "list.txt"  # what a single file is called when it is unpacked
# Of squidGuard's and UT1's folders, and of Pi-hole's export.
_PARTS: Final = ("domains", "urls", "expressions", "usage", *pihole.FILES)
_WHOLE: Final = ("domains", "urls", *pihole.FILES)  # one of which makes a folder a list
_ENDS: Final = (".txt", ".list", ".hosts", ".conf", ".rpz", ".zone", ".csv", "adguardhome.yaml")
_NO_LISTS: Final = ("readme", "license", "licence", "copying", "changelog")


def unpack(source: Path, folder: Path, member: str | None = None) -> Path:
    """The list inside `source`: a file, or a folder with domains and urls, or with what Pi-hole exports. What is not
    packed is `source` itself.

    `folder` is made where it is missing; all that is unpacked goes there, under names of ours. `member`: the file or
    folder to take where an archive holds several. Told by the first bytes, not by the name: gzip, xz, bzip2 and zstd,
    also around a tar; tar; zip. SfsError for what is cut, damaged, encrypted, empty or too large: then nothing
    of it is left."""
    where = Where(str(source))
    if source.is_dir():
        return source
    try:
        if not source.is_file():  # a pipe would never end
            raise SfsError("there is no such file", where, "check the path")
        with source.open("rb") as file:
            start = file.read(BLOCK)
            file.seek(0)
            packing = packing_of(start)
            if packing is None and not is_tar(start):
                return source
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            unpacking = _Unpacking(folder, where, os.fstat(file.fileno()).st_size)
            try:
                return unpacking.unpack(file, packing, member)
            finally:
                unpacking.clean()
    except OSError as fault:
        mend = "check the path, who may read and write there, and the room on the disk"
        raise SfsError(f"cannot be unpacked: {fault.strerror or fault}", where, mend) from None


@dataclass(slots=True)
class _Unpacking:
    """One file while it is unpacked."""

    folder: Path
    where: Where
    size: int  # of what is packed
    total: int = 0  # bytes that came out
    files: dict[Name, Path] = field(default_factory=dict)  # by their names in the archive
    links: dict[Name, Name] = field(default_factory=dict)
    written: list[Path] = field(default_factory=list)

    def unpack(self, file: BinaryIO, packing: str | None, member: str | None) -> Path:
        """The list in `file`."""
        if packing == "zip":
            self._unzip(file)
            return self._chosen(member)
        pieces = iter(lambda: file.read(PIECE), b"") if packing is None else unpacked(file, packing, self.where)
        source = Source(self._bounded(pieces), self.where)
        if is_tar(source.peek(BLOCK)):
            self._untar(source)
            return self._chosen(member)
        self.files[(LIST,)] = self.folder / "part-0"
        self._write(self.folder / "part-0", source.rest())
        return self._chosen(LIST)

    def clean(self) -> None:
        """Remove what is not the list."""
        for path in self.written:
            path.unlink(missing_ok=True)

    def _untar(self, source: Source) -> None:
        for number, member in enumerate(members(source)):
            self._count(number)
            if member.target is not None and len(member.name) + len(member.target) <= MAX_DEPTH:
                self.links[member.name] = member.target
            if member.plain:
                self._keep(member.name, source.read(member.size))
                skip_padding(source, member.size)

    def _unzip(self, file: BinaryIO) -> None:
        _check_directory(file, self.size, self.where)
        try:
            with zipfile.ZipFile(file) as archive:
                for number, info in enumerate(archive.infolist()):
                    self._count(number)
                    name = parts_of(info.filename)
                    # The upper half is the mode of a Unix file: links say nothing that a list needs.
                    if info.is_dir() or info.external_attr >> 28 == 0o12 or not _is_list(name):
                        continue
                    if info.flag_bits & 1:
                        raise self._fault("encrypted", "ask its keeper for one without a password")
                    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                        raise self._fault("packed in an unusual way", "pack it with deflate, or as tar.gz")
                    with archive.open(info) as member:
                        self._keep(name, self._bounded(iter(lambda: member.read(PIECE), b"")))
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, struct.error):
            raise self._fault("damaged: this is no whole zip file", "fetch it again") from None

    def _keep(self, name: Name, pieces: Iterable[bytes]) -> None:
        """Write a member that may be a list; read the others to their end. Of one that stands twice the last counts."""
        if not _is_list(name):
            for _ in pieces:
                pass
            return
        path = self.folder / f"part-{len(self.written)}"
        self._write(path, pieces)
        self.files[name] = path

    def _write(self, path: Path, pieces: Iterable[bytes]) -> None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            self.written.append(path)
            for piece in pieces:
                file.write(piece)

    def _bounded(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.total += len(piece)
            if self.total > MAX_TOTAL:
                raise self._fault(f"more than {MAX_TOTAL} bytes when unpacked", "split it")
            if self.total > FREE and self.total > MAX_RATIO * self.size:
                raise self._fault(f"more than {MAX_RATIO} times as large when unpacked", "no list packs so well")
            yield piece

    def _count(self, number: int) -> None:
        if number >= MAX_MEMBERS:
            raise self._fault(f"more than {MAX_MEMBERS} files", "keep the lists alone")

    def _chosen(self, member: str | None) -> Path:
        """The list that is meant, under its final name."""
        name = self._only() if member is None else self._named(parts_of(member))
        taken = {LIST: self.files[name]} if name in self.files else self._parts_of(name)
        if not any(path.stat().st_size for path in taken.values()):
            raise self._fault("empty", "fetch it again")
        for final, path in taken.items():
            if list(taken.values()).count(path) > 1:  # by a link one file stands for two
                shutil.copyfile(path, self.folder / final)
                (self.folder / final).chmod(0o600)
            else:
                path.rename(self.folder / final)
        return self.folder / LIST if name in self.files else self.folder

    def _only(self) -> Name:
        """The one list of an archive: its folder with domains, urls or Pi-hole's files, else its file."""
        folders = {name[:-1] for name in self.files if name[-1] in _WHOLE}
        names = folders or {name for name in self.files if name[-1] not in _PARTS}
        # A table beside a list tells of the list; alone it is one.
        names = {name for name in names if folders or not name[-1].lower().endswith(".csv")} or names
        if not names:
            raise self._fault("holds no list", "an archive holds domains and urls, or one text file")
        if len(names) > 1:
            shown = ", ".join(sorted(_shown(name) for name in names)[:5])
            raise self._fault(f"holds {len(names)} lists: {shown}...", "say which one as member")
        return names.pop()

    def _named(self, wanted: Name) -> Name:
        """The file or folder whose path ends in `wanted`, through links."""
        known = {name[:end] for name in (*self.files, *self.links) for end in range(1, len(name) + 1)}
        fitting = [name for name in known if name[-len(wanted) :] == wanted] if wanted else [()]
        found = {self._resolved(name) for name in fitting}
        found = {name for name in found if name is not None and (name in self.files or self._parts_of(name))}
        if len(found) != 1:
            what = f"{'several are' if found else 'nothing is'} called {'/'.join(wanted)[:80]!r} in it"
            raise self._fault(what, "check the name of the member")
        return found.pop() or ()

    def _parts_of(self, name: Name) -> dict[str, Path]:
        """The files of squidGuard or Pi-hole in a folder of the archive."""
        found = {part: self._resolved((*name, part)) for part in _PARTS}
        return {part: self.files[path] for part, path in found.items() if path in self.files}

    def _resolved(self, name: Name) -> Name | None:
        """Where a name leads; None where its links go in circles or out of the archive."""
        for _ in range(MAX_LINKS):
            ends = (end for end in range(1, len(name) + 1) if name[:end] in self.links)
            end = next(ends, None)
            if end is None:
                return name
            target = self.links[name[:end]]
            if not target:
                return None
            name = (*target, *name[end:])
        return None

    def _fault(self, what: str, mend: str) -> SfsError:
        return SfsError(what, self.where, mend)


def _shown(name: Name) -> str:
    """A member's path for a terminal or a page: its keeper wrote it, so what steers a terminal is left out."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in str(PurePosixPath(*name))[:60])


def _is_list(name: Name) -> bool:
    """Whether a member may be a list, by its name."""
    if not name or ".." in name or len(name) > MAX_DEPTH:
        return False
    last = name[-1].lower()
    return name[-1] in _PARTS or last == "hosts" or (last.endswith(_ENDS) and not last.startswith(_NO_LISTS))


def _check_directory(file: BinaryIO, size: int, where: Where) -> None:
    """SfsError for a zip whose directory is too large to be read. Spec: APPNOTE.TXT 6.3.10, 4.3.16."""
    tail = min(size, 22 + 65_535)
    file.seek(size - tail)
    end = file.read(tail)
    at = len(end) - 22 if end[-22:-18] == b"PK\x05\x06" and end[-2:] == b"\0\0" else end.rfind(b"PK\x05\x06")
    if at < 0 or len(end) - at < 22:
        raise SfsError("cut: the end of the zip file is missing", where, "fetch it again")
    count, length = struct.unpack("<HI", end[at + 10 : at + 16])
    if end[max(0, at - 20) : at].startswith(b"PK\x06\x07") or length > MAX_DIRECTORY or count > MAX_MEMBERS:
        raise SfsError(f"more than {MAX_MEMBERS} files", where, "keep the lists alone")
    file.seek(0)
