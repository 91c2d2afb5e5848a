"""The plain twin of the look-ups of sfs/sources/label_lookup.py: every label is asked whether it covers the URL."""

from sfs.pics.coverage import forms_of, parse_prefix
from sfs.pics.safetyonline import rating_of_ratings
from sfs.text.url import parents

WEB = {"http", "https"}


def plain_find(labels, url, now, generic_only=False):
    """The label in force; where readings of the URL differ, the strictest of what holds in each."""
    usable = [label for label in labels if not (generic_only and not label.generic)]
    usable = [label for label in usable if label.until is None or now <= label.until]
    readings = 1 if url.name_only else len(forms_of(url))
    holding = [
        max(covering, key=rank)
        for reading in range(readings)
        if (covering := [label for label in usable if covers(label, url, reading)])
    ]
    return max(holding, key=level, default=None)


def covers(label, url, reading):
    prefix = parse_prefix(label.for_)
    if label.below and prefix.url.host in parents(url.host):
        return prefix.url.scheme == url.scheme or {prefix.url.scheme, url.scheme} == WEB
    return prefix.covers(url, reading, label.generic)


def rank(label):
    prefix = parse_prefix(label.for_)
    length = prefix.length + len(prefix.mark) - len(prefix.url.scheme)
    return not label.generic, length if label.generic else 0, label.on, level(label)


def level(label):
    rating = rating_of_ratings(label.service, dict(label.ratings))
    return dict(label.ratings)["lv"] if rating is None else rating
