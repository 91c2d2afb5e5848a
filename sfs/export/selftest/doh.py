"""One question by DNS over HTTPS, over HTTP/2 alone: that is what resolvers speak. Spec: RFC 8484, RFC 9113."""

import asyncio
import ssl
from contextlib import suppress
from typing import Final

import h2.config
import h2.connection
import h2.events
import h2.exceptions

MAX_ANSWER: Final = 65535  # bytes of a DNS message
_MEDIA: Final = "application/dns-message"


async def ask(host: str, port: int, path: str, query: bytes, tls: ssl.SSLContext, source: str | None) -> bytes:
    """The DNS message that answers; OSError where there is none: another status, too many bytes, no HTTP/2. `source`:
    the address of this machine that asks."""
    own = None if source is None else (source, 0)
    reader, writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname="", local_addr=own)
    try:
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        connection.initiate_connection()
        authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        stream = connection.get_next_available_stream_id()
        head = [(":method", "POST"), (":scheme", "https"), (":authority", authority), (":path", path)]
        more = [("content-type", _MEDIA), ("accept", _MEDIA), ("content-length", str(len(query)))]
        connection.send_headers(stream, [*head, *more])
        connection.send_data(stream, query, end_stream=True)
        writer.write(connection.data_to_send())
        return await _answer(connection, reader, writer)
    except h2.exceptions.ProtocolError:
        raise OSError("no HTTP/2") from None
    finally:
        writer.transport.abort()  # not close: Knot Resolver takes 10 s to say good-bye
        with suppress(OSError):
            await writer.wait_closed()


async def _answer(
    connection: h2.connection.H2Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bytes:
    body = b""
    while data := await reader.read(65536):
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                if dict(event.headers or []).get(b":status") != b"200":
                    raise OSError("another status than 200")
            elif isinstance(event, h2.events.DataReceived):
                body += event.data or b""
                connection.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
                if len(body) > MAX_ANSWER:
                    raise OSError("an answer too long")
            elif isinstance(event, h2.events.StreamEnded):
                return body
            elif isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                raise OSError("ended without an answer")
        writer.write(connection.data_to_send())
    raise OSError("ended without an answer")
