"""The head of a page while it is held: decompressed within bounds, until its end, the cap, or the time is up."""

from sfs.core.page import MAX_HEAD, is_html
from sfs.proxy.decode import BoundedDecoder
from sfs.text.charset import html_charset
from sfs.text.metadata import HeadScan

SNIFF = 1024  # bytes that tell whether a response without a type is a page


class HeldHead:
    """Fed with the bytes as they come from upstream. What it keeps is at most MAX_HEAD, whatever is sent."""

    __slots__ = ("_content_type", "_decoder", "_head", "_is_html", "_scan", "ended")

    def __init__(self, content_type: str | None, encoding: str | None) -> None:
        self._content_type = content_type
        self._decoder = BoundedDecoder(encoding, MAX_HEAD)
        self._head = bytearray()
        charset, how = html_charset(b"", content_type)
        self._scan = HeadScan(charset if how == "header" else None)
        self._is_html: bool | None = True if is_html(content_type) else None
        self.ended = False  # the head's end was seen

    def feed(self, chunk: bytes) -> bool:
        """Take a chunk; whether enough is here to judge."""
        plain = self._decoder.feed(chunk)
        self._head += plain
        if self._is_html is None:
            if len(self._head) < SNIFF and not self._decoder.broken:
                return False
            self._is_html = is_html(None, bytes(self._head[:SNIFF]))
            plain = bytes(self._head)
        if not self._is_html or self._decoder.broken:
            return True
        self.ended = self._scan.feed(plain) or self.ended
        return self.ended or self._decoder.full

    def body(self) -> bytes | None:
        """What was held, decompressed; None where it turned out to be no page."""
        if self._is_html is None:
            self._is_html = is_html(self._content_type, bytes(self._head[:SNIFF]))
        return bytes(self._head) if self._is_html else None

    def is_cut(self, *, whole: bool) -> bool:
        """Whether nobody knows how the head goes on. `whole`: the body ended, so there is no more of it. What could
        not be decompressed is cut as well: it might say anything."""
        if self._decoder.broken:
            return True
        return not self.ended and (self._decoder.full or not whole)
