"""Texts of the vectors, spoiled: what a parser meets from those who mean it ill."""

from collections.abc import Sequence

from hypothesis import strategies as st


@st.composite
def spoiled(draw: st.DrawFn, seeds: Sequence[str], tokens: st.SearchStrategy[str]) -> str:
    """One of `seeds` with some of its characters cut out and `tokens` put in."""
    text = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(tokens) + text[at + draw(st.integers(0, 6)) :]
    return text
