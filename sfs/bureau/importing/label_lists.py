"""PICS label lists out of files: one list, or one a line, of any length.

A list is cut into its labels while it is read (label_cuts.py), and many labels are parsed at once behind what their
service says of all of them. Where that fails they are parsed one by one, so that a label which cannot be read costs
itself and not the others.
"""

from collections.abc import Iterator
from pathlib import Path

from sfs.bureau.importing.label_cuts import START, Cut, cuts_of
from sfs.bureau.importing.meaning import Meaning, Noting, Read
from sfs.bureau.kept import from_pics
from sfs.errors import LabelError, SfsError, Where
from sfs.lists.notes import BAD, LEFT, PART, Note, shown
from sfs.pics.labels import LabelList, LabelProblem, LabelTree, PicsLabel, ServiceInfo, parse_label_list


def is_label_file(start: bytes) -> bool:
    """Whether a file begins as a label list."""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].decode("latin-1")
    return START.match(text) is not None


def read_label_lists(path: Path, name: str, meaning: Meaning, noting: Noting) -> Iterator[Read]:
    """The labels of a file with PICS label lists; what cannot be read or kept is noted."""
    for cut in cuts_of(path, name, noting):
        try:
            found = parse_label_list(cut.text)
        except LabelError:
            for alone in cut.each():
                yield from _of_one(alone, name, meaning, noting)
        else:
            yield from _of_list(found, cut, name, meaning, noting)


def _of_one(cut: Cut, name: str, meaning: Meaning, noting: Noting) -> Iterator[Read]:
    try:
        found = parse_label_list(cut.text)
    except LabelError as fault:
        place = cut.place(fault.where, name)
        text = shown(cut.pieces[0].text.strip().encode())
        noting(Note(BAD, f"no label ({fault.code})", place, text, fault.what, fault.mend))
    else:
        yield from _of_list(found, cut, name, meaning, noting)


def _of_list(found: LabelList, cut: Cut, name: str, meaning: Meaning, noting: Noting) -> Iterator[Read]:
    """The labels of a cut: its first service has one item for each of its pieces."""
    for info in found.services:
        places = [Where(name, piece.line, piece.column) for piece in cut.pieces]
        if info.problem is not None:
            why = f"error ({info.problem.code}) in place of labels"
            noting(Note(LEFT, why, places[0], " ".join((info.service or "", *info.problem.args)).strip()[:200]))
        for item, where in zip(info.labels, places, strict=False):
            yield from _of_item(info, item, where, meaning, noting)


def _of_item(
    info: ServiceInfo, item: PicsLabel | LabelTree | LabelProblem, where: Where, meaning: Meaning, noting: Noting
) -> Iterator[Read]:
    if isinstance(item, LabelProblem):
        noting(Note(LEFT, f"error ({item.code}) in place of a label", where, " ".join(item.args)[:200]))
        return
    for label in item.labels if isinstance(item, LabelTree) else (item,):
        yield from _of_label(info, label, where, meaning, noting)


def _of_label(info: ServiceInfo, label: PicsLabel, where: Where, meaning: Meaning, noting: Noting) -> Iterator[Read]:
    assert info.service is not None
    try:
        kept, lost = from_pics(info.service, label.options.over(info.options), label.ratings, meaning)
    except SfsError as fault:
        noting(Note(BAD, fault.what, where, (label.options.for_ or info.service)[:200], mend=fault.mend))
        return
    if lost:
        noting(Note(PART, f"not kept of a label: {', '.join(lost)}", where, kept.for_[:200]))
    yield Read(kept, where.file, where.line or 0)
