"""A PAC file: browsers send requests for listed names to the proxy that shows the stop page, all others straight on.
Browsers hand whole URLs to it only for http, so names are all it looks at. Anybody can fetch and read it."""

import json
from collections.abc import Iterator
from typing import Final

from sfs.export.order import Engine, Order, Sifted, a_host
from sfs.lists.mandatory import Method

_CODE: Final = """\
function FindProxyForURL(url, host) {
  host = host.toLowerCase().replace(/\\.+$/, "");
  if (hosts.hasOwnProperty(host)) return stop;
  for (var name = host; name; ) {
    if (trees.hasOwnProperty(name)) return stop;
    var dot = name.indexOf(".");
    name = dot < 0 ? "" : name.substring(dot + 1);
  }
  return "DIRECT";
}"""


def write(order: Order, sifted: Sifted) -> Iterator[str]:
    """The script."""
    yield order.head("//")
    yield f"var stop = {json.dumps(f'PROXY {order.proxy}')};"
    for word, names in (("hosts", sifted.hosts), ("trees", sifted.trees)):
        yield f"var {word} = {{"
        yield from (f"{json.dumps(name)}: 1," for name in names)
        yield "};"
    yield _CODE


def _cannot(order: Order) -> str:
    if not order.proxy:
        return "a way to the stop page without --proxy HOST:PORT"
    return "clients for whom the list does not hold" if order.exempt else ""


ENGINE: Final = Engine("pac", Method.NAME, a_host, write, cannot=_cannot, needs_stop=False, secret=False)
