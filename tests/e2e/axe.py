"""What a browser and axe-core say of a page that it has drawn: the faults that keep people out, in words."""

import os
from functools import cache
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page

from tests.e2e.proxy import ROOT

SCRIPT: Final = ROOT / ".venv/axe/node_modules/axe-core/axe.min.js"
TAGS: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
GRAVE: Final = ("serious", "critical")
NARROW, WIDE = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
# The two languages of a page have the same elements, so between them they see every width in every scheme once.
VARIANTS: Final = {
    "ja": ((NARROW, "light"), (WIDE, "dark")),
    "en": ((NARROW, "dark"), (WIDE, "light")),
}
# What another width or other colours can change; all other rules are asked once a page.
DRAWN: Final = {"type": "rule", "values": ["color-contrast", "link-in-text-block", "target-size"]}
PICTURES: Final = os.environ.get("SFS_SCREENSHOTS")  # a folder: every page is kept there as it looked

RUN: Final = """async tags => {
  const found = await axe.run({runOnly: tags, resultTypes: ["violations"], preload: false})
  return found.violations.flatMap(one => one.nodes.map(node =>
    [one.id, one.impact || "minor", node.html.slice(0, 160) + " " + (node.failureSummary || "").slice(0, 300)]))
}"""
LOOK: Final = """language => {
  const faults = []
  const all = rule => [...document.querySelectorAll(rule)]
  if (document.documentElement.lang !== language) faults.push("lang is " + document.documentElement.lang)
  if (!document.title.trim()) faults.push("no title")
  if (all("h1").length !== 1) faults.push("h1: " + all("h1").length)
  for (const field of all("input:not([type=hidden]):not([hidden]), select, textarea"))
    if (![...field.labels].some(label => label.textContent.trim())) faults.push("no label: " + field.outerHTML)
  for (const button of all("button, summary, a[href]"))
    if (!(button.ariaLabel || button.textContent).trim()) faults.push("no words: " + button.outerHTML)
  const width = document.documentElement.scrollWidth
  if (width > innerWidth) faults.push("as wide as " + width + " in " + innerWidth)
  return faults
}"""


def missing() -> str | None:
    """Why no page can be judged here, as a reason to skip; None where all is there."""
    return None if SCRIPT.is_file() else "axe-core is not installed (npm install --prefix .venv/axe axe-core)"


@cache
def _script() -> str:
    return SCRIPT.read_text(encoding="utf-8") + "\n;0"


def judge(page: Page, language: str, name: str, page_language: str | None = None, *, wide: bool = False) -> list[str]:
    """Every grave fault of the page that is open, narrow or wide, with all that folds unfolded. `page_language`: what
    it has to say it is in, where that is not the reader's."""
    faults: list[str] = []
    # Evaluated from outside, it needs nothing that the policy of the page (CSP) would forbid.
    page.evaluate(_script())
    if PICTURES:
        page.set_viewport_size(NARROW)  # type: ignore[arg-type]
        page.screenshot(path=Path(PICTURES) / f"{name}-{language}.png", full_page=True)
    # The elements are the same in every language: all rules once, but where pictures are taken in both.
    rules: object = TAGS if (language == "ja" and not wide) or PICTURES else DRAWN
    for size, scheme in VARIANTS[language] if PICTURES else VARIANTS[language][wide:][:1]:
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        where = f"{size['width']} px {scheme}: "
        if PICTURES and scheme == "dark":
            page.screenshot(path=Path(PICTURES) / f"{name}-{language}-{size['width']}-dark.png", full_page=True)
        page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        faults += [where + fault for fault in page.evaluate(LOOK, page_language or language)]
        said: list[Any] = page.evaluate(RUN, rules)
        rules = DRAWN
        faults += [f"{where}{rule} ({impact}): {node}" for rule, impact, node in said if impact in GRAVE or PICTURES]
    return faults
