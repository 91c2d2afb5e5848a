"""The parts of mitmproxy that `sfs run` is made of, imported without the parts that it leaves out.

Importing one addon of mitmproxy runs mitmproxy/addons/__init__.py, which imports all of them, and with them Flask,
ldap3 and much else: a third of the time from start to ready, and 10 MB. While the four below are imported, an empty
package stands in its place; afterwards it is gone, so that whoever wants the whole package still gets it.
"""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

from mitmproxy import http

_ADDONS: Final = "mitmproxy.addons"

__all__ = ["DisableH2C", "Master", "NextLayer", "Proxyserver", "TlsConfig"]


@contextmanager
def _without_the_others() -> Iterator[None]:
    """Where mitmproxy looks different one day, or the package is already there, it is imported as usual."""
    spec = importlib.util.find_spec("mitmproxy")
    if _ADDONS in sys.modules or spec is None or not spec.submodule_search_locations:
        yield
        return
    empty = ModuleType(_ADDONS)
    empty.__path__ = [f"{folder}/addons" for folder in spec.submodule_search_locations]
    sys.modules[_ADDONS] = empty
    try:
        yield
    finally:
        if sys.modules.get(_ADDONS) is empty:
            del sys.modules[_ADDONS]


with _without_the_others():
    from mitmproxy.addons.disable_h2c import DisableH2C
    from mitmproxy.addons.next_layer import NextLayer
    from mitmproxy.addons.proxyserver import Proxyserver
    from mitmproxy.addons.tlsconfig import TlsConfig as _TlsConfig
    from mitmproxy.master import Master


class TlsConfig(_TlsConfig):
    """mitmproxy's. Each request is asked whether it is for the list of revoked certificates, by a name with the CA's
    serial number in it, written out anew; here by how it ends first."""

    def request(self, flow: http.HTTPFlow) -> None:
        """Answer a request for that list."""
        if flow.request.data.path.endswith(b".crl"):
            super().request(flow)
