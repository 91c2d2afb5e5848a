"""A Lua script for PowerDNS Recursor (`lua-dns-script`). An RPZ (rpz.py) can be transferred; this one says why in the
extended error (RFC 8914), and whom to ask."""

from collections.abc import Iterator
from typing import Final

from sfs.export.order import TTL, Engine, Order, Sifted, a_name, lua_text
from sfs.export.told import ERROR_CODES
from sfs.lists.canary import serial_name, serial_text
from sfs.lists.mandatory import CANARY, Method

_CODE: Final = """\
local function names(text)
  local found = {}
  for name in text:gmatch('%S+') do found[#found + 1] = name end
  return found
end
local exempt, trees, hosts = newNMG(), newDS(), {}"""
_RULE: Final = """\
local function listed(name)
  return hosts[name:toString():lower()] or trees:check(name)
end
function preresolve(dq)
  if not listed(dq.qname) then return false end
  -- Who asks decides, so no answer of a listed name is kept for others.
  dq.variable = true
  if exempt:match(dq.remoteaddr) then return false end
  if dq.qname:equal(versioned) then
    if dq.qtype == pdns.TXT then dq:addAnswer(pdns.TXT, serial, ttl) end
    dq.rcode = pdns.NOERROR
    return true
  end
  dq.extendedErrorCode, dq.extendedErrorExtra = error_code, told
  dq.rcode = code
  if dq.qtype == pdns.A then
    for _, ip in ipairs(stop4) do dq:addAnswer(pdns.A, ip, ttl) end
  elseif dq.qtype == pdns.AAAA then
    for _, ip in ipairs(stop6) do dq:addAnswer(pdns.AAAA, ip, ttl) end
  elseif dq.qtype == pdns.TXT and code == pdns.NOERROR and dq.qname:equal(canary) then
    dq:addAnswer(pdns.TXT, serial, ttl)
  end
  return true
end"""


def write(order: Order, sifted: Sifted) -> Iterator[str]:
    """The script."""
    yield order.head("--")
    yield _CODE
    yield f"for _, one in ipairs({_list([str(one) for one in order.exempt])}) do exempt:addMask(one) end"
    yield "for _, name in ipairs(names[["
    yield from (f"{name}." for name in sifted.hosts)
    yield "]]) do hosts[name] = true end"
    yield "for _, name in ipairs(names[["
    yield from sifted.trees
    yield "]]) do trees:add(newDN(name)) end"
    yield f"local stop4, stop6, ttl = {_list(order.stop4)}, {_list(order.stop6)}, {TTL}"
    yield f"local code, error_code = pdns.{'NOERROR' if order.stop else 'NXDOMAIN'}, {ERROR_CODES[order.purpose]}"
    yield f"local told = {lua_text(order.told)}"
    yield f"local canary, versioned = '{CANARY}', '{serial_name(order.zone)}'"
    yield f"local serial = '\"{serial_text(order.serial)}\"'"
    yield _RULE


def _list(texts: list[str]) -> str:
    return "{ " + ", ".join(f"'{text}'" for text in texts) + " }"


ENGINE: Final = Engine("pdns", Method.DNS, a_name, write)
