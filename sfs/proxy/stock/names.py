"""Every private name of mitmproxy that this package stands on, as data, and the look whether it is there."""

import importlib
import inspect
from typing import Any, Final

_HTTP: Final = "mitmproxy.proxy.layers.http"
_HTTP1: Final = "mitmproxy.proxy.layers.http._http1"
_MODES: Final = "mitmproxy.proxy.mode_servers"

# Functions with their parameters: one renamed, or called otherwise, would fail in the middle of traffic.
METHODS: Final[tuple[tuple[str, str, str], ...]] = (
    (_HTTP, "HttpStream.handle_event", "self event"),
    ("mitmproxy.proxy.layer", "Layer._Layer__process", "self command_generator send"),
    (_HTTP, "HttpStream._handle_event", "self event"),
    (_HTTP, "HttpStream.check_invalid", "self request"),
    (_HTTP, "HttpStream.check_killed", "self emit_error_hook"),
    (_HTTP, "HttpStream.make_server_connection", "self"),
    (_HTTP, "HttpStream.state_consume_request_body", "self event"),
    (_HTTP, "HttpStream.start_request_stream", "self"),
    (_HTTP, "HttpStream.state_wait_for_response_headers", "self event"),
    (_HTTP, "HttpStream.state_consume_response_body", "self event"),
    (_HTTP, "HttpStream.state_done", "self _"),
    (_HTTP, "HttpStream.state_errored", "self _"),
    (_HTTP, "HttpStream.start_response_stream", "self"),
    (_HTTP, "HttpStream.handle_protocol_error", "self event"),
    (_HTTP, "HttpStream.send_response", "self already_streamed"),
    (_HTTP, "HttpStream.flow_done", "self"),
    (_HTTP, "HttpStream.passthrough", "self event"),
    (_HTTP, "validate_headers", "message"),
    (_HTTP, "SendHttp", "event connection"),
    (_HTTP1, "ReceiveHttp", "event"),
    (_HTTP1, "RequestProtocolError", "stream_id message code"),
    (_HTTP1, "ResponseProtocolError", "stream_id message code"),
    (_HTTP1, "make_body_reader", "expected_size"),
    (_HTTP1, "make_error_response", "status_code message"),
    (_HTTP1, "format_error", "status_code message"),
    ("mitmproxy.proxy.layers.http._http2", "format_error", "status_code message"),
    ("mitmproxy.proxy.layers.http._http2", "Http2Client.handle_h2_event", "self event"),
    ("mitmproxy.proxy.layers.http._http2", "Http2Client.close_connection", "self msg"),
    (_HTTP1, "Http1Server._handle_event", "self event"),
    (_HTTP1, "Http1Server.read_headers", "self event"),
    (_HTTP1, "Http1Server.send", "self event"),
    (_HTTP1, "Http1Server.wait", "self event"),
    (_HTTP1, "Http1Server.done", "self event"),
    (_HTTP1, "Http1Client._handle_event", "self event"),
    (_HTTP1, "Http1Client.read_headers", "self event"),
    (_HTTP1, "Http1Client.send", "self event"),
    (_HTTP1, "Http1Client.read_body", "self event"),
    ("mitmproxy.net.http.http1.read", "_read_request_line", "line"),
    ("mitmproxy.net.http.http1.read", "_read_response_line", "line"),
    ("mitmproxy.net.http.http1.read", "_read_headers", "lines"),
    ("mitmproxy.net.http.http1.read", "expected_http_body_size", "request response"),
    ("mitmproxy.net.http.http1.read", "connection_close", "http_version headers"),
    ("mitmproxy.net.http.validate", "validate_headers", "message"),
    ("mitmproxy.net.http.validate", "parse_content_length", "value"),
    ("mitmproxy.http", "Headers.get_all", "self name"),
    ("mitmproxy.http", "Headers.get", "self key default"),
    ("mitmproxy.http", "Headers.pop", "self key default"),
    ("mitmproxy.http", "Headers.__getitem__", "self key"),
    ("mitmproxy.http", "Headers.__contains__", "self key"),
    ("mitmproxy.http", "Headers.__bytes__", "self"),
    ("mitmproxy.proxy.commands", "StartHook.__new__", "cls args kwargs"),
    ("mitmproxy.optmanager", "OptManager.__getattr__", "self attr"),
    ("mitmproxy.optmanager", "OptManager._notify_subscribers", "self updated"),
    ("h11._readers", "ChunkedReader.__call__", "self buf"),
    ("h11._readers", "ContentLengthReader.__call__", "self buf"),
    ("h11._receivebuffer", "ReceiveBuffer.maybe_extract_lines", "self"),
    ("h11._receivebuffer", "ReceiveBuffer._extract", "self count"),
    ("mitmproxy.proxy.layers.tcp", "TCPLayer", "context ignore"),
    ("mitmproxy.proxy.layers.tcp", "TCPLayer.relay_messages", "self event"),
    ("mitmproxy.tls", "ClientHello", "raw_client_hello dtls"),
    ("mitmproxy.proxy.layers.tls", "TLSLayer.receive_data", "self data"),
    ("mitmproxy.proxy.layers.tls", "TLSLayer.start_tls", "self"),
    ("mitmproxy.proxy.layers.tls", "TLSLayer.send_data", "self data"),
    ("mitmproxy.proxy.layers.tls", "TLSLayer.tls_interact", "self"),
    ("mitmproxy.proxy.tunnel", "TunnelLayer._handle_command", "self command"),
    ("mitmproxy.proxy.server", "TimeoutWatchdog", "timeout callback"),
    ("mitmproxy.proxy.server", "TimeoutWatchdog.watch", "self"),
    ("mitmproxy.proxy.server", "TimeoutWatchdog.register_activity", "self"),
    (_MODES, "AsyncioServerInstance.listen", "self host port"),
    (_MODES, "ProxyConnectionHandler.handle_client", "self"),
    (_MODES, "ProxyConnectionHandler.handle_connection", "self connection"),
    (_MODES, "ProxyConnectionHandler.server_event", "self event"),
    (_MODES, "ProxyConnectionHandler.drain_writers", "self"),
    (_MODES, "ProxyConnectionHandler.on_timeout", "self"),
)

# Attributes, and globals that we replace: (module, a function of stock's that uses the name, the name).
USED: Final[tuple[tuple[str, str, str], ...]] = (
    (_HTTP, "HttpStream.__init__", "server_state"),
    (_HTTP, "HttpStream.__init__", "response_body_buf"),
    (_HTTP, "HttpStream.__init__", "request_body_buf"),
    (_HTTP, "HttpStream.start_request_stream", "state_stream_request_body"),
    (_HTTP, "HttpStream.check_killed", "_paused_event_queue"),
    (_HTTP, "HttpStream.handle_event", "_paused"),
    (_HTTP, "HttpStream.state_wait_for_request_headers", "check_invalid"),
    (_HTTP, "HttpStream.state_wait_for_response_headers", "check_killed"),
    (_HTTP, "HttpLayer.make_stream", "HttpStream"),
    (_HTTP, "HttpLayer._handle_event", "Http1Server"),
    (_HTTP, "HttpClient._handle_event", "Http1Client"),
    (_HTTP, "HttpClient._handle_event", "Http2Client"),
    ("mitmproxy.proxy.layers.http._http2", "Http2Client.__init__", "stream_queue"),
    ("mitmproxy.proxy.layers.http._http2", "Http2Client.__init__", "their_stream_id"),
    (_HTTP, "HttpLayer.event_to_child", "RequestWakeup"),
    (_HTTP, "validate_request", "validate_headers"),
    (_HTTP1, "Http1Server.read_headers", "make_body_reader"),
    (_HTTP1, "Http1Server.read_headers", "buf"),
    (_HTTP1, "Http1Server.mark_done", "wait"),
    (_HTTP1, "Http1Client.read_headers", "make_body_reader"),
    (_HTTP1, "Http1Client.read_headers", "read_body"),
    (_HTTP1, "Http1Connection.mark_done", "request_done"),
    ("mitmproxy.proxy.server", "ConnectionHandler.__init__", "TimeoutWatchdog"),
    ("mitmproxy.proxy.server", "TimeoutWatchdog.watch", "can_timeout"),
    ("mitmproxy.proxy.server", "TimeoutWatchdog.watch", "last_activity"),
    ("mitmproxy.proxy.server", "TimeoutWatchdog.disarm", "blocker"),
    ("OpenSSL.SSL", "Connection.bio_read", "_from_ssl"),
    ("OpenSSL.SSL", "Connection.bio_write", "_into_ssl"),
    ("h11._receivebuffer", "ReceiveBuffer.__bytes__", "_data"),
    ("h11._receivebuffer", "ReceiveBuffer._extract", "_next_line_search"),
    ("h11._receivebuffer", "ReceiveBuffer._extract", "_multiple_lines_search"),
    ("h11._readers", "ContentLengthReader.__call__", "_remaining"),
    (_HTTP1, "Http1Connection.__init__", "ReceiveBuffer"),
    ("mitmproxy.flow", "Flow.__init__", "uuid"),
    ("mitmproxy.coretypes.multidict", "MultiDict.__init__", "fields"),
    ("mitmproxy.coretypes.multidict", "_MultiDict.set_all", "fields"),
    ("mitmproxy.net.http.http1.read", "read_request_head", "_read_request_line"),
    ("mitmproxy.net.http.http1.read", "read_response_head", "_read_response_line"),
    ("mitmproxy.net.http.http1.read", "read_request_head", "_read_headers"),
    ("mitmproxy.net.http.http1.read", "read_response_head", "_read_headers"),
    (_HTTP1, "Http1Server.read_headers", "expected_http_body_size"),
    (_HTTP1, "Http1Client.read_headers", "expected_http_body_size"),
    (_HTTP1, "Http1Connection.mark_done", "connection_close"),
    (_HTTP1, "Http1Server.read_headers", "make_error_response"),
    ("mitmproxy.optmanager", "OptManager.__init__", "_notify_subscribers"),
    ("mitmproxy.proxy.layer", "Layer.handle_event", "Paused"),
    ("mitmproxy.proxy.layer", "Layer._Layer__continue", "_Layer__process"),
    ("mitmproxy.proxy.layer", "NextLayer._ask", "_handle"),
    ("asyncio.selector_events", "BaseSelectorEventLoop._make_socket_transport", "_SelectorSocketTransport"),
    ("asyncio.selector_events", "_SelectorTransport.is_closing", "_closing"),
    ("asyncio.selector_events", "_SelectorTransport.get_write_buffer_size", "_buffer"),
    ("mitmproxy.optmanager", "OptManager.rollback", "changed"),
    ("mitmproxy.optmanager", "OptManager.update_known", "changed"),
    ("mitmproxy.optmanager", "OptManager.reset", "changed"),
    (_MODES, "AsyncioServerInstance._start", "listen"),
    (_MODES, "AsyncioServerInstance.listen", "start_server"),
    (_MODES, "ServerInstance.handle_stream", "ProxyConnectionHandler"),
    (_MODES, "ProxyConnectionHandler.handle_hook", "timeout_watchdog"),
    (_MODES, "ProxyConnectionHandler.on_timeout", "transports"),
)


def _find(module: str, path: str) -> Any:
    try:
        found: Any = importlib.import_module(module)
    except ImportError:
        return None
    for name in path.split("."):
        found = getattr(found, name, None)
        while isinstance(found, type) and found.__module__.startswith("sfs."):
            found = found.__base__  # ours, after install(): look at what it stands on
    return inspect.unwrap(found) if callable(found) else None


def missing() -> list[str]:
    """Return the names of mitmproxy that are gone or have changed, [] when this package can be used."""
    wrong = []
    for module, path, parameters in METHODS:
        found = _find(module, path)
        if found is None or " ".join(inspect.signature(found).parameters) != parameters:
            wrong.append(f"{path}({parameters})")
    for module, path, name in USED:
        code = getattr(_find(module, path), "__code__", None)
        if code is None or name not in code.co_names:
            wrong.append(f"{path}: {name}")
    return wrong


def uses_only(function: Any, names: tuple[str, ...]) -> bool:
    """Whether a function uses these names and no other: does what it did when ours was read against it."""
    return frozenset(inspect.unwrap(function).__code__.co_names) == frozenset(names)
