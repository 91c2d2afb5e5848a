"""Script runs: where a word ends in text that mostly has no blanks (design, section 4)."""

_OTHER, _KANJI, _HIRAGANA, _KATAKANA, _LATIN, _DIGIT, _LETTER, _LONG = range(8)
_RUNS = (
    (0x30, 0x39, _DIGIT),
    (0x61, 0x7A, _LATIN),
    (0x41, 0x5A, _LATIN),
    (0xDF, 0x24F, _LATIN),
    (0x3005, 0x3007, _KANJI),
    (0x3041, 0x3096, _HIRAGANA),
    (0x309D, 0x309F, _HIRAGANA),
    (0x30A1, 0x30FA, _KATAKANA),
    (0x30FC, 0x30FC, _LONG),
    (0x30FD, 0x30FF, _KATAKANA),
    (0x3400, 0x4DBF, _KANJI),
    (0x4E00, 0x9FFF, _KANJI),
    (0xF900, 0xFAFF, _KANJI),
    (0x20000, 0x3FFFF, _KANJI),
)


_ASCII = bytes(next((run for first, last, run in _RUNS if first <= code <= last), _OTHER) for code in range(0x80))


def has_boundaries(folded: str, start: int, end: int) -> bool:
    """Whether folded[start:end] does not continue in the same script run before or after."""
    before = start > 0 and _continues(folded, start)
    after = end < len(folded) and _continues(folded, end)
    return not before and not after


def script(char: str) -> int:
    """The script run a folded character belongs to; 0 for one that ends every run."""
    code = ord(char)
    if code < 0x80:
        return _ASCII[code]
    for first, last, run in _RUNS:
        if first <= code <= last:
            return run
    return _LETTER if char.isalpha() else _OTHER


def _continues(folded: str, at: int) -> bool:
    """Whether the characters before and after position `at` belong to one run."""
    if folded[at] == " " or folded[at - 1] == " ":
        return False
    after = _run_at(folded, at)
    return after != _OTHER and after == _run_at(folded, at - 1)


def _run_at(folded: str, at: int) -> int:
    """The run of one character. The long sound mark has that of the kana before it: カレーの ends after ー."""
    while at > 0 and folded[at] == "ー":
        at -= 1
    run = script(folded[at])
    return _KATAKANA if run == _LONG else run
