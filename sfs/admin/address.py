"""The addresses of the pages as they are typed. Imports nothing of the extra, so that every command may use it."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether an IP address (or localhost) is this machine's own alone; False for what is no address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def base_url(host: str, port: int) -> str:
    """The address of the first page without the final slash: TLS wherever it is not loopback. For a listener on all
    addresses the one of loopback, which reaches it from this machine."""
    secure = not is_loopback(host)
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
    bare = f"[{shown}]" if ":" in shown else shown
    port_part = "" if port == (443 if secure else 80) else f":{port}"
    return f"{'https' if secure else 'http'}://{bare}{port_part}"
