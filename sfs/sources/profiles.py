"""Names of profiles: a file of profiles/, or a path to one."""

from dataclasses import dataclass
from pathlib import Path

from sfs.errors import SfsError
from sfs.sources import places
from sfs.sources.settings import mend_of_unknown
from sfs.sources.values import Reader, file_of, text_of
from sfs.sources.yaml_nodes import Node

DEFAULT_PROFILE = "household"


@dataclass(frozen=True, slots=True)
class ProfileName:
    """A profile as it is named, and its file."""

    name: str
    path: Path


def profile_of(node: Node, reader: Reader) -> ProfileName:
    """The profile that is named at `node`: with a slash or .yaml it is a path, else a file of profiles/."""
    text = text_of(node, "a profile")
    if "/" in text or "\\" in text or text.endswith((".yaml", ".yml")):
        path = file_of(node, reader.base)
        return ProfileName(path.stem, path)
    known = known_profiles()
    if text not in known:
        mend = f"{mend_of_unknown(text, known, old=False)}; a path needs a slash or .yaml"
        raise SfsError(f"there is no profile {text[:80]!r}", node.where, mend)
    return ProfileName(text, known[text])


def known_profiles() -> dict[str, Path]:
    """The profiles that come with SFS: name -> file."""
    return {path.stem: path for path in sorted(places.profiles_dir().glob("*.yaml"))}
