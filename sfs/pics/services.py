"""Descriptions of rating services (.rat files) as values: which categories a service rates, on which scales.

    service    ((PICS-version 1.1) (rating-system "u") (rating-service "u") attribute... category...)
    category   (category (transmit-as "n") attribute... label... category...)
    label      (label (name "x") (value 0))      a name for one value of the scale

What a scale says is passed down: from the service's default to its categories, from a category to those inside it.
Spec: PICS Rating Services 1.1, "Detailed Syntax" and "Semantics". Reading stands in service_reader.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from math import inf
from types import MappingProxyType
from typing import Final

from sfs.pics.options import Extension, write_string
from sfs.pics.values import Ratings, Span, Value, write_number

# Names the bureaus of a service; the extension's own URL has no scheme (w3.org/PICS/extensions/label-bureau.html).
LABEL_BUREAU: Final = "www.w3.org/PICS/service-extensions/label-bureau"


@dataclass(frozen=True, slots=True)
class Scale:
    """What is said of a scale; None where nothing is said, so that it is passed down. Nothing said anywhere: no
    bounds, one value, ordered, fractions allowed, values without a name allowed. `minimum` -inf and `maximum` inf are
    -INF and +INF as written."""

    minimum: float | None = None
    maximum: float | None = None
    multivalue: bool | None = None
    unordered: bool | None = None
    integer: bool | None = None
    label_only: bool | None = None

    def over(self, outer: "Scale") -> "Scale":
        """This scale, with what `outer` says where this one says nothing."""
        pairs = ((getattr(self, one.name), getattr(outer, one.name)) for one in fields(self))
        return Scale(*(own if own is not None else passed for own, passed in pairs))

    @property
    def low(self) -> float:
        """The smallest value; -inf where there is none."""
        return -inf if self.minimum is None else self.minimum

    @property
    def high(self) -> float:
        """The largest value; inf where there is none."""
        return inf if self.maximum is None else self.maximum

    def holds(self, value: float) -> bool:
        """Whether `value` lies within the bounds, and is whole where it must be."""
        return self.low <= value <= self.high and not (self.integer and value != int(value))


@dataclass(frozen=True, slots=True)
class ValueLabel:
    """A name for one value of a scale. `icon` as it is written."""

    value: float
    name: str | None = None
    description: str | None = None
    icon: str | None = None


@dataclass(frozen=True, slots=True)
class Category:
    """What is rated. `transmit`: its own name in lower case, without that of the category around it. `scale`: what it
    says itself."""

    transmit: str
    name: str | None = None
    description: str | None = None
    icon: str | None = None
    scale: Scale = Scale()
    extensions: tuple[Extension, ...] = ()
    labels: tuple[ValueLabel, ...] = ()
    categories: "tuple[Category, ...]" = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A category with the scale in effect: its own, and what was passed down to it."""

    category: Category
    scale: Scale


@dataclass(frozen=True)
class RatingService:
    """One service. `system`: the URL that describes its scales; `service`: the URL that labels carry. `default`: what
    is passed down to every category; `default_extensions` stand there and mean nothing to us."""

    system: str
    service: str
    categories: tuple[Category, ...]
    name: str | None = None
    description: str | None = None
    icon: str | None = None
    default: Scale = Scale()
    default_extensions: tuple[Extension, ...] = ()
    extensions: tuple[Extension, ...] = ()

    @cached_property
    def known(self) -> Mapping[str, Known]:
        """Every category by its whole path, as labels name it: `color/hue`."""
        return MappingProxyType(dict(_known(self.categories, "", self.default)))

    @property
    def bureaus(self) -> tuple[str, ...]:
        """The URLs of the label bureaus that the service names."""
        named = (extension for extension in self.extensions if extension.url == LABEL_BUREAU)
        return tuple(data.strip('"') for extension in named for data in extension.data if data.startswith('"'))


def faults_of_ratings(service: RatingService, ratings: Ratings) -> tuple[str, ...]:
    """Why these ratings are none of this service, a sentence each; () where they are allowed.
    Spec: PICS Rating Services 1.1, "Semantics": min, max, multivalue, integer, label-only."""
    return tuple(fault for name, value in ratings for fault in _faults(service.known.get(name.lower()), name, value))


def write_service(service: RatingService) -> str:
    """The description as the text of a .rat file, ending in a line break. parse_service(write_service(x)) == x for
    every description that was parsed; LabelError where a text has no PICS notation."""
    lines = ["((PICS-version 1.1)", f" (rating-system {write_string(service.system)})"]
    lines.append(f" (rating-service {write_string(service.service)})")
    lines += (f" {part}" for part in _write_texts(service.icon, service.name, service.description))
    default = (*_write_scale(service.default), *map(_write_extension, service.default_extensions))
    if default:
        lines.append(f" (default {' '.join(default)})")
    lines += (f" {_write_extension(extension)}" for extension in service.extensions)
    for category in service.categories:
        lines += _write_category(category, " ")
    return "\n".join(lines) + ")\n"


def _known(categories: tuple[Category, ...], path: str, passed: Scale) -> Iterator[tuple[str, Known]]:
    for category in categories:
        scale = category.scale.over(passed)
        yield path + category.transmit, Known(category, scale)
        yield from _known(category.categories, f"{path}{category.transmit}/", scale)


def _faults(known: Known | None, name: str, value: Value) -> Iterator[str]:
    if known is None:
        yield f"{name[:40]} is no category of this service"
        return
    scale, numbers = known.scale, (value,) if isinstance(value, float | int) else value
    if not scale.multivalue and len(numbers) != 1:
        yield f"{name[:40]} takes one value"
    for item in numbers:
        yield from _faults_of_item(known, name, item)


def _faults_of_item(known: Known, name: str, item: float | Span) -> Iterator[str]:
    scale = known.scale
    if isinstance(item, Span) and not scale.multivalue:
        yield f"{name[:40]} takes one value, no range"
        return
    named = {label.value for label in known.category.labels}
    for number in item if isinstance(item, Span) else (item,):
        if not scale.low <= number <= scale.high:
            bounds = f"{_bound(scale.low)} to {_bound(scale.high)}"
            yield f"{name[:40]} {write_number(number)} is out of range: {bounds}"
        elif scale.integer and number != int(number):
            yield f"{name[:40]} {write_number(number)} is no whole number"
        elif scale.label_only and number not in named:
            yield f"{name[:40]} {write_number(number)} has no name in the description"


def _bound(number: float) -> str:
    return {-inf: "-INF", inf: "+INF"}.get(number) or write_number(number)


def _write_texts(icon: str | None, name: str | None, description: str | None) -> Iterator[str]:
    for word, text in (("icon", icon), ("name", name), ("description", description)):
        if text is not None:
            yield f"({word} {write_string(text)})"


def _write_scale(scale: Scale) -> Iterator[str]:
    if scale.minimum is not None:
        yield f"(min {_bound(scale.minimum)})"
    if scale.maximum is not None:
        yield f"(max {_bound(scale.maximum)})"
    for word in ("multivalue", "unordered", "integer", "label-only"):
        said = getattr(scale, word.replace("-", "_"))
        if said is not None:
            yield f"({word} {'true' if said else 'false'})"


def _write_extension(extension: Extension) -> str:
    kind = "mandatory" if extension.mandatory else "optional"
    return f"(extension ({' '.join((kind, write_string(extension.url), *extension.data))}))"


def _write_category(category: Category, indent: str) -> Iterator[str]:
    inner = indent + " "
    lines = [f"{indent}(category", f"{inner}(transmit-as {write_string(category.transmit)})"]
    lines += (inner + part for part in _write_texts(category.icon, category.name, category.description))
    lines += (inner + part for part in _write_scale(category.scale))
    lines += (inner + _write_extension(extension) for extension in category.extensions)
    for label in category.labels:
        parts = (*_write_texts(label.icon, label.name, label.description), f"(value {write_number(label.value)})")
        lines.append(f"{inner}(label {' '.join(parts)})")
    for nested in category.categories:
        lines += _write_category(nested, inner)
    lines[-1] += ")"
    yield from lines
