"""The label of an author's own page reads back as the rating it was given, out of every language it is written in."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.bureau.author import author_label
from sfs.errors import SfsError
from sfs.pics.selflabels import read_self_labels
from sfs.text.metadata import head_from_html

NOW = datetime(2026, 11, 28, tzinfo=UTC)
URLS = st.text(st.sampled_from("aB1/?&=%'\"\\$<>`{}|^ ;#~日é.:+"), max_size=30).map(
    lambda end: f"http://example.com/{end}"
)


def of_nginx(lines):
    """As nginx reads it: quotes with backslashes, then variables, of which one is declared."""
    first, _, rest = lines.partition("\n")
    declared = first.startswith('geo $dollar { default "$"; }')
    found = re.findall(r"^add_header (\S+) '((?:[^'\\]|\\['\\])*)' always;$", rest if declared else lines, re.MULTILINE)
    assert len(found) == lines.count("add_header")
    values = [(name.lower(), re.sub(r"\\(.)", r"\1", value)) for name, value in found]
    assert all(declared or "$" not in value for _, value in values)
    assert all("$" not in value.replace("${dollar}", "") for _, value in values)
    return [(name, value.replace("${dollar}", "$")) for name, value in values]


def of_apache(lines):
    """As Apache reads it: quotes with backslashes, then variables, of which none is defined, then formats."""
    found = re.findall(r'^Header always set (\S+) "((?:[^"\\]|\\["\\])*)"$', lines, re.MULTILINE)
    assert len(found) == len(lines.splitlines())
    values = [(name.lower(), re.sub(r"\\(.)", r"\1", value)) for name, value in found]
    assert all("${" not in value and re.fullmatch(r"(?:[^%]|%%)*", value) for _, value in values)
    return [(name, value.replace("%%", "%")) for name, value in values]


@given(URLS, st.integers(0, 4))
def test_every_form_reads_back(url, rating):
    try:
        made = author_label(url, rating)
    except SfsError:
        return
    for metas, headers in (
        (head_from_html(f"<html><head>{made.html}</head>").metas, []),
        ([], of_nginx(made.nginx)),
        ([], of_apache(made.apache)),
    ):
        found = read_self_labels(metas, headers, url, NOW)
        if rating == 0 and "%24{" in str(headers):
            continue  # spelled otherwise than it is sent: such a label may only raise
        assert {label.rating for label in found} == {rating}
        assert ("rta" in {label.kind for label in found}) == (rating == 4)
        assert not any(label.weak for label in found)


def test_a_page_is_labelled_alone_and_a_prefix_with_what_is_below():
    page = author_label("http://example.com/a/", 2).nginx
    assert read_self_labels([], of_nginx(page), "http://example.com/a/b", NOW) == ()
    all_of_it = author_label("example.com", 2, generic=True)
    assert 'gen true for "http://example.com"' in all_of_it.pics
    assert read_self_labels([], of_nginx(all_of_it.nginx), "http://example.com/a/b", NOW)[0].rating == 2


@pytest.mark.parametrize("url", ["", "nothing", "mailto:a@example.com", "http://"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(SfsError, match="no URL"):
        author_label(url, 1)
