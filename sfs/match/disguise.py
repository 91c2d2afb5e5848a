"""How a word is disguised, for the words that ask for it by a flag (design, section 4):

    leet      letters of another script, digits or signs that look alike: p0rt, pоrt with a Cyrillic о, 工ア for エア,
              small kana for large ones, accents, old kanji
    spaced    letters set apart: w.i.d.g.e.t, w i d g e t, ウィジェ・ット. Between Latin letters all of them or none
    masked    a letter or two hidden behind a sign: wid*et, ウィ○ェット

A reader sees the word through each of them, but so many more strings are "the word" then that every word must be tried
for it. This file says what is a disguise of what; disguised.py looks for them fast, plain.py slowly.
"""

import re
import unicodedata
from typing import Final

from sfs.match.runs import script
from sfs.text.fold import KANA, fold_kana, replaced

MAX_GAP: Final = 3  # characters between two letters that are set apart
MASKED: Final = "\0"  # stands in a skeleton for a letter that is hidden
MIN_LATIN: Final = 4  # letters of a word found masked: three of which one is hidden are anything
MIN_OTHER: Final = 3
TWO_LATIN: Final = 4  # letters from which on two neighbours may be hidden
TWO_OTHER: Final = 5
MIN_SPACED: Final = 3  # Latin letters: initials stand apart in honest text
MIN_PLAIN: Final = 2  # Latin letters that must stand undisguised beside digits and signs: "455" is a number

_MASKS: Final = frozenset("*#○●◯〇◎×✕✖■□☆★♥♡")
_CIRCLES: Final = frozenset("○●◯〇◎")  # hide a letter at the ends too; the others stand there as decoration
_J: Final = "々\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u9fff"
_L: Final = "a-z0-9"
_SIGN: Final = r"[\W_](?<![、。])"
_MORE: Final = f"(?:{_SIGN}){{0,{MAX_GAP - 1}}}"
# What stands between two letters that are set apart. Of Latin letters each must stand alone. These expressions begin
# with a plain class and look back from there: a search for a class is quick, one for what stands before it is not.
GAP: Final = re.compile(
    f"{_SIGN}(?:(?<=[{_J}].){_MORE}(?=[{_J}{_L}])"
    f"|(?<=[{_L}].){_MORE}(?=[{_J}])"
    f"|(?<=(?<![{_L}])[{_L}].){_MORE}(?=[{_L}](?![{_L}])))",
    re.DOTALL,
)
_ASCII_GAPS: Final = re.compile(f"{_SIGN}(?<=(?<![{_L}])[{_L}].){_MORE}[{_L}]{_SIGN}{_MORE}[{_L}](?![{_L}])", re.DOTALL)
_HAS_MASK: Final = re.compile(
    f"[{''.join(sorted(_MASKS))}](?:(?<=[{_J}{_L}].)|(?<=[{''.join(sorted(_CIRCLES))}])(?=[{_J}]))", re.DOTALL
)
# Two plain letters, and something typed for a third: no word of MIN_PLAIN plain letters is written without.
_HAS_LEET_ASCII: Final = re.compile("[0-9@$!|](?:(?<=[a-z]{2}.)|(?=[a-z]{2})|(?<=[a-z].)[0-9@$!|]*[a-z])", re.DOTALL)
_WORDS: Final = re.compile(r"[^\W_]+")

_SIGN_LETTERS: Final = "@$!|€£¥¢"
# Same place, same look, each letter's representative second. 1 is i and l, which are one therefore.
_PAIRS: Final = (
    ("0123456789", "oizeasgtbg"),
    (_SIGN_LETTERS, "asiieiyc"),
    ("l", "i"),
    ("авеёкмнорстухѕіїјԁһԛԝӏүьъяипгшзч", "abeekmhopctyxsiijdhqwiybbrnnrwe4"),
    ("αβεηικμνορτυχωγς", "abenikmvoptuxwyc"),
    ("ıɑɡɩɪɐǝɔоᴀʙᴄᴅᴇꜰɢʜᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢøđłħŧ", "iagiiaecoabcdefghjkimnoprstuvwyzodiht"),
    ("𝟘", "o"),
)
_JAPANESE: Final = (
    ("工口力二八夕卜千又三才儿木匕厶乂〆七一", "えろかにはたとちぬみおるほひむめめせー"),
    ("ぁぃぅぇぉゃゅょっゎゕゖゐゑ", "あいうえおやゆよつわかけいえ"),
    (
        "亂體戀淺賣髮處檢藥獸濕學國會氣變癡壓傳發對寫眞畫圖劍醫續聲腦觸戰鬪號裝辭點黨兩亞惡圍爲榮圓應橫歐假價壞姦",
        "乱体恋浅売髪処検薬獣湿学国会気変痴圧伝発対写真画図剣医続声脳触戦闘号装辞点党両亜悪囲為栄円応横欧仮価壊奸",
    ),
)


def _accents() -> dict[str, str]:
    """é is e."""
    codes = (*range(0xE0, 0x250), *range(0x1E00, 0x1F00))
    bases = {chr(code): unicodedata.normalize("NFD", chr(code))[0] for code in codes}
    return {char: base for char, base in bases.items() if base != char and base in "abcdefghijklmnopqrstuvwxyz"}


def _table() -> dict[str, str]:
    table = _accents()
    for chars, letters in (*_PAIRS, *_JAPANESE):
        table |= dict(zip(chars, letters, strict=True))
    flags = {chr(0x1F1E6 + number): chr(ord("a") + number) for number in range(26)}
    table |= flags
    return {char: table.get(letter, letter) for char, letter in table.items()}


_TABLE: Final = _table()
_WITH_KANA: Final = _TABLE | {char: _TABLE.get(kana, kana) for char, kana in KANA.items()}  # in one step
_ASCII_TABLE: Final = bytes(ord(_TABLE.get(chr(code), chr(code))) for code in range(0x80)) + bytes(0x80)


def skeleton(folded: str) -> str:
    """`folded` with everything that looks alike written as one: as long as before. Kana is hiragana in it."""
    if folded.isascii():
        return folded.encode("ascii").translate(_ASCII_TABLE).decode("ascii")
    return replaced(folded, _WITH_KANA)


def alike(char: str, letter: str) -> bool:
    """Whether a reader takes `char` for `letter`, both folded and not the same."""
    if letter in "abcdefghijklmnopqrstuvwxyz":
        return not _latin(char) and skeleton(char) == skeleton(letter)
    if letter.isascii() or char.isascii() or skeleton(char) != skeleton(letter):
        return False
    return fold_kana(char) != fold_kana(letter) or char in "へべぺりヘベペリ"


def is_mask(char: str) -> bool:
    """Whether a letter may be hidden behind `char`."""
    return char in _MASKS


def may_hide(part: str, at: int, mask: str) -> bool:
    """Whether the letter of `part` at `at` may be hidden behind `mask`: at the ends Japanese behind circles alone."""
    if not part[at].isalnum():
        return False
    return 0 < at < len(part) - 1 or (mask in _CIRCLES and not part[at].isascii())


def hidden_places(part: str) -> list[tuple[int, ...]]:
    """Which letters of `part` may be hidden at once: one, or two neighbours. Empty where it is too short."""
    latin = part.isascii()
    if len(part) < (MIN_LATIN if latin else MIN_OTHER):
        return []
    places = [at for at in range(len(part)) if part[at].isalnum() and (not latin or 0 < at < len(part) - 1)]
    found: list[tuple[int, ...]] = [(at,) for at in places]
    if len(part) >= (TWO_LATIN if latin else TWO_OTHER):
        found += [(at, at + 1) for at in places if at + 1 in places]
    return found


def may_be_spaced(part: str) -> bool:
    """Whether a word can be found with its letters set apart: nothing but letters, Latin ones three or more."""
    return part.isalnum() and (not part.isascii() or len(part) >= MIN_SPACED)


def spells(part: str, chars: str, *, kana: bool, leet: bool, masked: bool) -> bool:
    """Whether `chars`, one for each letter, are a disguise of `part`, or the part itself."""
    hidden: list[int] = []
    latin: list[int] = []  # letters of the part
    plain: list[int] = []  # those that stand as they are
    typed: list[int] = []  # those for which a digit or sign of the keyboard stands
    for at, (letter, char) in enumerate(zip(part, chars, strict=True)):
        if _latin(letter):
            latin.append(at)
        if char == letter or (kana and fold_kana(char) == fold_kana(letter)):
            plain += [at] * _latin(letter)
        elif masked and is_mask(char) and may_hide(part, at, char):
            hidden.append(at)
        elif leet and alike(char, letter):
            typed += [at] * char.isascii()
        else:
            return False
    if hidden and tuple(hidden) not in hidden_places(part):
        return False
    if typed and any(_mostly_typed(word.span(), plain, typed) for word in _WORDS.finditer(part)):
        return False
    return bool(plain) or not latin


def _mostly_typed(span: tuple[int, int], plain: list[int], typed: list[int]) -> bool:
    """Whether a word has something typed for a letter of it and too few letters that stand as they are."""
    places = range(*span)
    return any(at in places for at in typed) and sum(at in places for at in plain) < MIN_PLAIN


def goes_on_disguised(folded: str, start: int, end: int) -> bool:
    """Whether Latin letters go on beside a match, where look-alikes are letters: @ss in p@ss. A sign at the end of all
    letters is a sign: p0rt!"""
    shape = skeleton(folded[max(0, start - 2) : end + 2])
    first = min(start, 2)
    last = len(shape) - (min(end + 2, len(folded)) - end)
    before = first > 0 and _latin(shape[first]) and _latin(shape[first - 1])
    if before and folded[start - 1] in _SIGN_LETTERS:
        before = first > 1 and _latin(shape[first - 2])
    after = last < len(shape) and _latin(shape[last - 1]) and _latin(shape[last])
    if after and folded[end] in _SIGN_LETTERS:
        after = last + 1 < len(shape) and _latin(shape[last + 1])
    return before or after


def intended(part: str, chars: str, kana: bool) -> str:
    """`part` as its letters are meant to stand in a text that spells it `chars`: with the text's own kana, with letters
    for their look-alikes. Where nothing stands undisguised, the first letter is what it is: 工 in 施工口 is no エ."""
    meant = [
        char if char == letter or (kana and fold_kana(char) == fold_kana(letter)) else letter
        for letter, char in zip(part, chars, strict=True)
    ]
    nothing_plain = all(char != shown for char, shown in zip(meant, chars, strict=True))
    return (chars[0] if nothing_plain else meant[0]) + "".join(meant[1:])


def goes_on_spaced(folded: str, start: int, end: int) -> bool:
    """Whether single letters of the same script go on, set apart, beside a match that is: a s s in a s s e t."""
    after = GAP.match(folded, end)
    if after and _single(folded, after.end(), 1) and script(folded[after.end()]) == script(folded[end - 1]):
        return True
    at = next((at for at in range(max(0, start - MAX_GAP), start) if _gap_ends(folded, at, start)), None)
    return at is not None and _single(folded, at - 1, -1) and script(folded[at - 1]) == script(folded[start])


def _gap_ends(folded: str, at: int, end: int) -> bool:
    gap = GAP.match(folded, at)
    return gap is not None and gap.end() == end


def _single(folded: str, at: int, step: int) -> bool:
    beside = at + step
    return not (0 <= beside < len(folded)) or script(folded[beside]) != script(folded[at])


def _latin(char: str) -> bool:
    return "a" <= char <= "z"


def has_leet(folded: str) -> bool:
    """False where no word can stand in `folded` with a letter replaced; to save the look."""
    return not folded.isascii() or _HAS_LEET_ASCII.search(folded) is not None


def has_gaps(folded: str) -> bool:
    """False where no letters are set apart."""
    return (_ASCII_GAPS if folded.isascii() else GAP).search(folded) is not None


def has_masks(folded: str) -> bool:
    """False where no letter is hidden."""
    if folded.isascii() and "*" not in folded and "#" not in folded:
        return False
    return _HAS_MASK.search(folded) is not None


def hide(shape: str, folded: str) -> str:
    """The skeleton of `folded` with every mask as a hidden letter."""
    for mask in _MASKS & set(folded):
        shape = shape.replace(mask, MASKED)
    return shape
