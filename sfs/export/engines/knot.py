"""Lua for kresd.conf of Knot Resolver 5. The names stand in long strings: a table of constants ends at 65,536."""

from collections.abc import Iterator
from typing import Final

from sfs.export.order import TTL, Engine, Order, Sifted, a_name, lua_text
from sfs.export.told import ERROR_CODES
from sfs.lists.canary import serial_name, serial_text
from sfs.lists.mandatory import CANARY, Method, Purpose

# Whether who asks is of one of some networks; a question of the resolver's own has nobody who asks.
SUBNET: Final = """\
local ffi = require('ffi')
local function subnet(text)
  local bytes = ffi.new('char[16]')
  return { ffi.C.kr_straddr_family(text), bytes, ffi.C.kr_straddr_subnet(bytes, text) }
end
local function is_in(networks, req)
  local client = req.qsource.addr
  if client == nil then return false end
  for _, one in ipairs(networks) do
    if one[1] == client:family() and ffi.C.kr_bitcmp(one[2], client:ip(), one[3]) == 0 then return true end
  end
  return false
end"""
_NAMES: Final = """\
local kres = require('kres')
local function names(text)
  local found = {}
  for name in text:gmatch('%S+') do found[kres.str2dname(name)] = true end
  return found
end"""
_RULE: Final = """\
policy.add(function (req, query)
  if is_in(exempt, req) then return nil end
  local name = query:name()
  if name == canary then return serial end
  if name == versioned then return version end
  if hosts[name] then return blocked end
  while #name > 1 do
    if trees[name] then return blocked end
    name = name:sub(name:byte(1) + 2)
  end
  return nil
end)"""


# What Knot says of an answer of its own is "forged", which tells nobody why and must go first: it weighs more to Knot.
# No text with no error: with an empty one an assertion of Knot fails.
_WHY: Final = """\
local function because(answer)
  return function (state, req)
    local done = answer(state, req)
    req:set_extended_error(kres.extended_error.NONE, nil)
    req:set_extended_error(error_code, told)
    return done
  end
end"""


def because(purpose: Purpose, told: str) -> Iterator[str]:
    """A function of that name, which has an answer say in an extended error why. `told`: the text."""
    yield f"local error_code, told = {ERROR_CODES[purpose]}, {lua_text(told)}"
    yield _WHY


def write(order: Order, sifted: Sifted) -> Iterator[str]:
    """The lines, to be named with `dofile` in kresd.conf."""
    yield order.head("--")
    yield SUBNET
    yield _NAMES
    yield f"local exempt = {{ {', '.join(f"subnet('{one}')" for one in order.exempt)} }}"
    yield "local hosts = names[["
    yield from (name for name in sifted.hosts if name != CANARY)
    yield "]]"
    yield "local trees = names[["
    yield from sifted.trees
    yield "]]"
    yield from because(order.purpose, order.told)
    yield f"local canary = kres.str2dname('{CANARY}')"
    yield f"local versioned = kres.str2dname('{serial_name(order.zone)}')"
    yield f"local text = '{serial_text(order.serial)}'"
    # Its length is counted here: another serial is put into a version that comes back.
    txt = f"[kres.type.TXT] = {{ ttl = {TTL}, rdata = string.char(#text) .. text }}"
    yield f"local version = policy.ANSWER({{ {txt} }}, true)"
    if order.stop:
        records = [_record("A", order.stop4), _record("AAAA", order.stop6)]
        data = ", ".join(record for record in records if record)
        yield f"local blocked = because(policy.ANSWER({{ {data} }}, true))"
        yield f"local serial = because(policy.ANSWER({{ {data}, {txt} }}, true))"
    else:
        yield "local blocked = because(policy.DENY)"
        yield "local serial = blocked"
    yield _RULE


def _record(kind: str, addresses: list[str]) -> str:
    if not addresses:
        return ""
    data = ", ".join(f"kres.str2ip('{ip}')" for ip in addresses)
    return f"[kres.type.{kind}] = {{ ttl = {TTL}, rdata = {{ {data} }} }}"


ENGINE: Final = Engine("knot", Method.DNS, a_name, write)
