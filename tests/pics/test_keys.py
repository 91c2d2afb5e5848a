"""The short way to the key of a whole host says what the parser says."""

from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import LabelError
from sfs.pics.keys import LabelKey, label_key, parsed_key

PIECES = st.sampled_from(["example", "xn--wgv71a", "a" * 70, "0x1", "127", "com", "h_t", "-", "_", "", "a-", "É", "b1"])
HOSTS = st.lists(PIECES, min_size=1, max_size=5).map(".".join)
ENDS = st.sampled_from(["", "", "", "/", ":80", "?", "/a", ".", " ", "\n"])


def key_of(way, *arguments: object) -> LabelKey | str:
    try:
        return way(*arguments)
    except LabelError as fault:
        return fault.code


@given(st.sampled_from(["http://", "https://", "ftp://", "HTTP://", ""]), HOSTS, ENDS, st.booleans(), st.booleans())
def test_the_short_way_says_what_the_parser_says(scheme, host, end, generic, below):
    for_ = f"{scheme}{host}{end}"
    assert key_of(label_key, for_, generic, below) == key_of(parsed_key, for_, generic, below)
