"""Header fields looked up in a table that is made once for each message, in place of a walk over all fields each time.

A request and its response are asked some fifty times for this field or that, by mitmproxy and by us. The table holds
while the fields are the same tuple: whoever changes a header puts another tuple there."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from mitmproxy.http import Headers

from sfs.proxy.stock.names import uses_only

_KEPT_NAME: Final = 64  # bytes of a name whose lower case is remembered
_NONE: Final[tuple[bytes, ...]] = ()
_missing: Final = object()


def _key(name: str | bytes) -> bytes:
    if isinstance(name, str):
        return name.encode("utf-8", "surrogateescape").lower()
    if isinstance(name, bytes):
        return name.lower()
    raise TypeError(f"a header name of type {type(name).__name__}")


_kept_key = lru_cache(maxsize=512)(_key)


def table_of(headers: Headers) -> Mapping[bytes, Sequence[bytes]]:
    """The values of all fields in order, by their names in lower case."""
    kept, fields = headers.__dict__, headers.fields
    if kept.get("_read") is not fields:
        table: dict[bytes, list[bytes]] = {}
        for key, value in fields:
            table.setdefault(key.lower(), []).append(value)
        kept["_table"], kept["_read"] = table, fields
    made: dict[bytes, list[bytes]] = kept["_table"]
    return made


def add(headers: Headers, name: bytes, value: bytes) -> None:
    """One more field, behind all others. `name`: lower case."""
    table = table_of(headers)
    headers.fields = fields = (*headers.fields, (name, value))
    # A new table: a copy of the header may share the old one.
    headers.__dict__.update(_table={**table, name: [*table.get(name, _NONE), value]}, _read=fields)


def _found(headers: Headers, name: str | bytes) -> Sequence[bytes]:
    """The values of all fields of this name, in order."""
    key = _kept_key(name) if len(name) <= _KEPT_NAME else _key(name)
    return table_of(headers).get(key, _NONE)


def _get_all(self: Headers, name: str | bytes) -> list[str]:
    return [value.decode("utf-8", "surrogateescape") for value in _found(self, name)]


def _get(self: Headers, key: str | bytes, default: Any = None) -> Any:
    values = _found(self, key)
    if not values:
        return default
    if len(values) == 1:
        return values[0].decode("utf-8", "surrogateescape")
    return ", ".join(_get_all(self, key))


def _getitem(self: Headers, key: str | bytes) -> str:
    value: str | None = _get(self, key)
    if value is None:
        raise KeyError(key)
    return value


def _contains(self: Headers, key: object) -> bool:
    return bool(_found(self, key))  # type: ignore[arg-type]  # what is no name raises TypeError, as it does in stock


def _pop(self: Headers, key: str | bytes, default: Any = _missing) -> Any:
    value = _get(self, key)
    if value is not None:
        del self[key]
    elif default is _missing:
        raise KeyError(key)
    else:
        value = default
    return value


def _bytes(self: Headers) -> bytes:
    return b"".join([b"%b: %b\r\n" % field for field in self.fields])


def install() -> None:
    """Put these in the place of the same methods, inherited or not."""
    ours = {"get_all": _get_all, "get": _get, "__getitem__": _getitem, "__contains__": _contains, "pop": _pop}
    if uses_only(Headers.__bytes__, ("fields", "join")):  # does what it did when ours was read against it
        ours["__bytes__"] = _bytes
    for name, method in ours.items():
        setattr(Headers, name, method)
