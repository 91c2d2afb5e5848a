"""A page while it is held: its head, and where a policy asks for it its whole text. Decompressed within bounds, until
what is needed is there, the cap is reached, or the time is up."""

from sfs.core.body import MAX_BODY
from sfs.core.page import MAX_HEAD, is_html
from sfs.proxy.decode import SLACK, BoundedDecoder
from sfs.text.charset import header_charset
from sfs.text.metadata import HeadScan
from sfs.text.plain_head import PlainHead

SNIFF = 1024  # bytes that tell whether a response without a type is a page


class HeldHead:
    """Fed with the bytes as they come from upstream. What it keeps is at most MAX_HEAD, whatever is sent."""

    __slots__ = ("_content_type", "_decoder", "_head", "_is_html", "_scan", "ended")

    def __init__(self, content_type: str | None, encoding: str | None) -> None:
        self._content_type = content_type
        self._decoder = BoundedDecoder(encoding, MAX_HEAD) if encoding else None  # None: as sent
        self._head: bytes | bytearray = b""
        self._scan = HeadScan(header_charset(content_type))
        self._is_html: bool | None = True if is_html(content_type) else None
        self.ended = False  # the head's end was seen

    @property
    def _full(self) -> bool:
        return len(self._head) >= MAX_HEAD

    @property
    def _broken(self) -> bool:
        return self._decoder is not None and self._decoder.broken

    def feed(self, chunk: bytes) -> bool:
        """Take a chunk; whether enough is here to judge."""
        head, decoder = self._head, self._decoder
        plain = chunk[: MAX_HEAD - len(head)] if decoder is None else decoder.feed(chunk)
        if not head:
            self._head = plain  # most pages come with all of their head in one piece: it is not copied
        else:
            self._head = head if isinstance(head, bytearray) else bytearray(head)
            self._head += plain
        if self._is_html is None:
            if len(self._head) < SNIFF and not self._broken:
                return False
            plain = bytes(self._head)
            self._is_html = is_html(None, plain[:SNIFF])
        if not self._is_html or self._broken:
            return True
        self.ended = self._scan.feed(plain) or self.ended
        return self.ended or self._full

    @property
    def plain(self) -> PlainHead | None:
        """The head that `body` begins with, where it was read in one go."""
        return self._scan.plain

    def body(self) -> bytes | None:
        """What was held, decompressed; None where it turned out to be no page."""
        if self._is_html is None:
            self._is_html = is_html(self._content_type, bytes(self._head[:SNIFF]))
        return bytes(self._head) if self._is_html else None

    def is_cut(self, *, whole: bool) -> bool:
        """Whether nobody knows how the head goes on. `whole`: the body ended, so there is no more of it. What could
        not be decompressed is cut as well: it might say anything."""
        if self._broken:
            return True
        return not self.ended and (self._full or not whole)


class HeldBody:
    """Fed with the bytes of a whole body as they come from upstream, from the first one on."""

    __slots__ = ("_body", "_decoder", "most")

    def __init__(self, encoding: str | None) -> None:
        self._decoder = BoundedDecoder(encoding, MAX_BODY)
        self._body = bytearray()
        self.most = MAX_BODY + SLACK  # bytes as sent: what does not compress, and endless empty blocks, end here

    def feed(self, chunk: bytes) -> bool:
        """Take a chunk; whether no more of the body is needed, since it is too long or cannot be decompressed."""
        self._body += self._decoder.feed(chunk)
        return self._decoder.full or self._decoder.broken

    def body(self) -> bytes:
        """What was held, decompressed."""
        return bytes(self._body)
