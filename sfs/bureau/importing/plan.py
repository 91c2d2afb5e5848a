"""What an import will read: its files as parts, each with its format and meaning. Nothing is written yet."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sfs.bureau.importing.folders import category_folders, plain_folder
from sfs.bureau.importing.label_lists import is_label_file, read_label_lists
from sfs.bureau.importing.meaning import Meaning, Noting, Read, rated
from sfs.bureau.importing.names import Survey, read_names, survey_list
from sfs.bureau.importing.services import is_description, read_description
from sfs.bureau.importing.tables import is_label_table, read_table
from sfs.errors import RuleError, SfsError, Where
from sfs.lists.archive import unpack
from sfs.lists.formats import FORMATS
from sfs.lists.formats.guess import guess_format
from sfs.lists.notes import LEFT, Note
from sfs.lists.opening import check_start
from sfs.pics.safetyonline import SERVICE, service_key
from sfs.sources.categories import Category

TABLE: Final = "csv"
PICS: Final = "pics"
RAT: Final = "rat"
_START: Final = 65_536  # bytes by which a format is told
_CHUNK: Final = 1 << 20


@dataclass(slots=True)
class Part:
    """One list or file. `rating` None: its lines say it themselves. `format`: PICS, TABLE,
    RAT (the description of a service, which has no labels), or one of sfs.lists."""

    path: Path
    name: str
    format: str
    rating: int | None
    survey: Survey = field(default_factory=Survey)

    @property
    def is_list(self) -> bool:
        """Whether it is a list of names, and no file of labels."""
        return self.rating is not None

    def labels(self, meaning: Meaning, categories: Mapping[str, Category], noting: Noting) -> Iterator[Read]:
        """Its labels, one by one."""
        if self.rating is not None:
            ratings = rated(self.rating)
            return read_names(self.path, self.format, self.name, ratings, meaning, self.survey, noting)
        if self.format == RAT:
            return iter(())
        if self.format == PICS:
            return read_label_lists(self.path, self.name, meaning, noting)
        return read_table(self.path, self.name, meaning, categories, noting)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller says of the files. `work`: a folder for what has to be unpacked."""

    rating: int | None
    format: str | None
    meaning: Meaning
    categories: Mapping[str, Category]
    work: Path


def plan_import(files: Sequence[Path], asked: Asked, noting: Noting) -> list[Part]:
    """The parts of an import: lists by falling rating, so that of a name in several of them the highest counts; then
    files of labels as they were named. SfsError where a file that was named cannot be used."""
    if asked.rating is not None and service_key(asked.meaning.service) != service_key(SERVICE):
        raise SfsError("--rating is of SafetyOnline2 alone", mend="write the ratings into the file: n=0 s=2")
    parts: list[Part] = []
    for number, file in enumerate(files):
        if file.is_dir():
            parts += _of_folder(file, asked, noting)
        else:
            parts.append(_of_file(file, asked, asked.work / str(number)))
    return sorted(parts, key=lambda part: 5 if part.rating is None else -part.rating)


def content_key(parts: Sequence[Part], meaning: Meaning, database: str) -> str:
    """A name for what an import reads, what it makes of it and where it goes: the same for the same bytes, in hex."""
    digest = hashlib.sha256(f"{meaning!r}\0{database}\0".encode())
    for part in parts:
        files = sorted(path for path in part.path.iterdir() if path.is_file()) if part.path.is_dir() else [part.path]
        for file in files:
            digest.update(f"{part.name}\0{part.format}\0{part.rating}\0{file.name}\0".encode())
            with file.open("rb") as opened:
                while chunk := opened.read(_CHUNK):
                    digest.update(chunk)
    return digest.hexdigest()


def _of_file(file: Path, asked: Asked, work: Path) -> Part:
    path = unpack(file, work)
    if path.is_dir():
        return _list(path, str(file), "squidguard", asked.rating)
    with path.open("rb") as opened:
        start = opened.read(_START)
    if asked.format == PICS or (asked.format is None and is_label_file(start)):
        if asked.rating is not None:
            raise SfsError("--rating for labels that have their own", Where(str(file)), "leave --rating out")
        return Part(path, str(file), PICS, None)
    if asked.format == RAT or (asked.format is None and is_description(start)):
        read_description(path, str(file))  # it is refused here, before anything is written
        return Part(path, str(file), RAT, None)
    if asked.format in (None, TABLE) and asked.rating is None and is_label_table(start):
        return Part(path, str(file), TABLE, None)
    if asked.format == TABLE and asked.rating is None:
        mend = "name the columns in the first row: url,rating; or say --rating"
        raise RuleError("the table does not say which columns are URL and rating", Where(str(file), 1, 1), mend)
    format_ = asked.format or guess_format(start, file.name)
    if format_ is None:
        check_start(start, str(file))
        raise RuleError("this looks like no list that is known", Where(str(file)), f"say --format {', '.join(FORMATS)}")
    return _list(path, str(file), format_, asked.rating)


def _list(path: Path, name: str, format_: str, rating: int | None) -> Part:
    if rating is None:
        raise SfsError("what are its pages rated?", Where(name), "say --rating 0 to 4")
    return Part(path, name, format_, rating, survey_list(path, format_, name))


def _of_folder(top: Path, asked: Asked, noting: Noting) -> Iterator[Part]:
    if asked.format not in (None, "squidguard"):
        raise SfsError(f"a folder, and --format {asked.format}", Where(str(top)), "name the files in it")
    folders, links = category_folders(top)
    for link in links:
        noting(Note(LEFT, "a link to another folder, which has the list", Where(str(link)), ""))
    for folder in folders:
        where = Where(str(folder.path))
        rating, why = _rating_of(folder.name, asked)
        if rating is None:
            noting(Note(LEFT, why, where, ""))
            continue
        try:
            yield _list(plain_folder(folder, asked.work), str(folder.path), "squidguard", rating)
        except SfsError as fault:
            if len(folders) == 1:
                raise
            noting(Note(LEFT, f"the list was refused: {fault.what}"[:300], fault.where or where, "", mend=fault.mend))


def _rating_of(name: str, asked: Asked) -> tuple[int | None, str]:
    """What the pages of a category are rated, or why they are not."""
    parts = name.split("/")
    names = ["/".join(parts[at:]) for at in range(len(parts))]
    category = next((asked.categories[one] for one in names if one in asked.categories), None)
    if category is not None and category.refused:
        return None, f"the category {name[:60]!r} is not for filters"
    if asked.rating is not None:
        return asked.rating, ""
    if category is None:
        return None, f"no category {name[:60]!r} is known: say --rating for it alone"
    if category.axis is not None:
        return None, f"the category {name[:60]!r} is no rating but {category.axis}: take it with `sfs lists import`"
    return category.rating, f"the category {name[:60]!r} has no rating"
