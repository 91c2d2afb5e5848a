"""mitmproxy's options, read in one step.

Each request reads ten of them, and stock copies value and default deeply each time it is asked. Here what cannot be
changed in place (a word, a number, yes or no) is kept as an attribute until the option changes."""

from typing import Any, Final

from mitmproxy import options

_PLAIN: Final = (str, int, float, type(None))  # bool is an int


class LeanOptions(options.Options):
    """Options as ever."""

    def __getattr__(self, name: str) -> Any:
        value = super().__getattr__(name)  # type: ignore[no-untyped-call]  # mitmproxy's
        if isinstance(value, _PLAIN) and "_options" in self.__dict__:
            self.__dict__[name] = value
        return value

    def _notify_subscribers(self, updated: set[str]) -> None:
        # The first to hear of a change, and before any other is told.
        for name in updated:
            self.__dict__.pop(name, None)
        super()._notify_subscribers(updated)
