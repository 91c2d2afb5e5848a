"""What somebody at a terminal reads when the filter has started: what to do next, in their language. Services and
scripts get the line of figures instead (protection.py)."""

import os
from collections.abc import Iterator

from sfs.sources.protection import Line
from sfs.sources.settings import PageLanguage
from sfs.sources.values import Listen
from sfs.web.texts import Language, language_of, texts_for

_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")  # POSIX: the first that is set counts


def language_here(fixed: PageLanguage) -> Language:
    """The language of who sits here: `fixed` by the configuration, else that of the system."""
    said = next((value for name in _LOCALE if (value := os.environ.get(name))), "")
    return language_of(said.partition(".")[0].replace("_", "-"), fixed.value)


def ready(language: Language, proxy: Listen, level: int | None) -> str:
    """The first line. `level`: None where mandatory lists alone count."""
    where = f"sfs: ready on {proxy}"  # the same words in any language, which the README names
    return where if level is None else f"{where}, {texts_for(language).text('start.at_level', level=level)}"


def greeting(
    language: Language, proxy: Listen, page: str | None, *, first: bool, warnings: tuple[Line, ...]
) -> Iterator[str]:
    """The lines. `page`: the address of the page that sets the filter; `first`: it is a link that sets the password."""
    texts, steps = texts_for(language), []
    if page is not None:
        steps.append((texts.text("start.setup" if first else "start.page"), page))
    steps.append((texts.text("start.proxy", host=proxy.host, port=proxy.port), ""))
    steps.append((texts.text("start.check"), "http://sfs.home.arpa/"))
    yield ""
    for number, (step, address) in enumerate(steps, 1):
        yield f"  {number}. {step}"
        if address:
            yield f"     {address}"
    yield ""
    for key, count, total in warnings:
        yield f"  {texts.text('start.mind', what=texts.text(f'protects.{key}', count=count, total=total))}"
    if warnings:
        yield f"  {texts.text('start.lists' if page is not None else 'start.lists_command')}"
    yield f"  {texts.text('start.end')}"
