"""The library of Redis Functions: the steps of the cache protocol and of id blocks that must be one. One key each.

Each writes once, last, so that one which fails has done nothing; never a DEL before a SET, since a key that is deleted
while its slot is moved can only be written to at the slot's next owner.

The source is written here, sent by ``redis_plan`` when a server does not know it yet, and repeated. The library's and
the functions' names end in a hash of that source: they are global on a server, where other versions may run beside this
one, and neither must run the other's functions nor replace them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from fluxaorm.errors import RedisError
from fluxaorm.plans.effects import Plan, RedisCommand, RedisReplies, RedisRoundTrip, ShieldedRedisRoundTrip
from fluxaorm.plans.state.keys import PUBLISH

_BODY: Final = """
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- who this server is at this moment, as a connection learns it; asked once a millisecond, in which no primary can be
-- replaced and be back
local known, known_short, known_at = '', '', -1
local function identity(now)
  now = now or now_ms()
  if now ~= known_at then
    local info = redis.call('INFO', 'server', 'replication')
    local run, replication = string.match(info, 'run_id:(%x+)'), string.match(info, 'master_replid:(%x+)')
    known, known_short = run .. ' ' .. replication, string.sub(run, 1, 16) .. string.sub(replication, 1, 8)
    known_at = now
  end
  return known
end

-- who that is in the items of a key: enough to tell servers and their runs apart
local function short_identity(now)
  identity(now)
  return known_short
end

local function content_of(key)
  local content = redis.pcall('GET', key)
  if type(content) == 'string' then return content end
  return nil
end

-- whether there are items in a content
local function has_items(content)
  local first = content and string.byte(content)
  return first == 87 or first == 80
end

-- an item as the text of a key with pending ones has it
local function text_of(kind, token, a, b, server, payload)
  return kind .. token .. ':' .. a .. ':' .. b .. ':' .. server .. ':' .. #payload .. ';' .. payload
end

local function moment(ms)
  return string.format('%.0f', ms)
end

-- live items of a key, each {kind, token, a, b, server, text}: intents 'w' and markers 'm' have a deadline as a,
-- entries 'e' their partition and offset as a and b; an intent may be without a text. `keeps`: is asked whether one is
-- wanted
local function items_of(content, now, keeps)
  local live, first = {}, content and string.byte(content)
  if first == 87 then
    for token, deadline in string.gmatch(content, '(%x+):(%d+);') do
      if tonumber(deadline) > now and (not keeps or keeps('w', token)) then
        live[#live + 1] = {'w', token, deadline}
      end
    end
  elseif first == 80 then
    local pattern, at = '^([wme])(%x+):(%d+):(%d+):(%x+):(%d+);', 2
    local from, last, kind, token, a, b, server, length = string.find(content, pattern, at)
    while from do
      at = last + 1 + length
      if (kind == 'e' or tonumber(a) > now) and (not keeps or keeps(kind, token, a, b)) then
        live[#live + 1] = {kind, token, a, b, server, string.sub(content, from, at - 1)}
      end
      from, last, kind, token, a, b, server, length = string.find(content, pattern, at)
    end
  end
  return live
end

-- keep these items: as intents while nothing else is among them; until the last deadline, with an entry for good
local function store_items(key, items, now)
  if #items == 0 then return redis.call('DEL', key) end
  local pending, lasts, last = false, false, 0
  for _, item in ipairs(items) do
    pending = pending or item[1] ~= 'w'
    if item[1] == 'e' then lasts = true else last = math.max(last, tonumber(item[3])) end
  end
  local parts = {pending and 'P' or 'W'}
  for _, item in ipairs(items) do
    if pending then
      parts[#parts + 1] = item[6] or text_of('w', item[2], item[3], '0', '0', '')
    else
      parts[#parts + 1] = item[2] .. ':' .. item[3] .. ';'
    end
  end
  if lasts then return redis.call('SET', key, table.concat(parts)) end
  redis.call('SET', key, table.concat(parts), 'PX', moment(last - now))
end

-- add a token with its own deadline to the items of a key, over anything but other live ones. What was live before; not
-- told unless asked, so that what is pending need not be looked through to add another
local function add_until(key, kind, token, ms, asked)
  local now, content = now_ms(), content_of(key)
  local deadline = moment(now + ms)
  local text = text_of(kind, token, deadline, '0', '0', '')
  if not has_items(content) then
    local only = kind == 'w' and 'W' .. token .. ':' .. deadline .. ';' or 'P' .. text
    redis.call('SET', key, only, 'PX', ms)
    return {}, now
  end
  -- a key whose first item is an entry is kept for good already
  if not asked and string.sub(content, 1, 2) == 'Pe' and not string.find(content, token, 1, true) then
    redis.call('APPEND', key, text)
    return {}, now
  end
  local live = items_of(content, now, function(other, its) return other ~= kind or its ~= token end)
  live[#live + 1] = {kind, token, deadline, '0', '0', text}
  store_items(key, live, now)
  return live, now
end

-- add an intent; when asked, tell who the server is and which markers (without a place) and entries of its own are
-- pending there
local function intend(keys, args)
  local live, now = add_until(keys[1], 'w', args[1], args[2], args[3])
  if not args[3] then return 'ok' end
  local told, server = {identity(now)}, short_identity(now)
  for _, item in ipairs(live) do
    local kind, token, partition, offset, confirmed_by = unpack(item)
    if kind == 'm' or (kind == 'e' and confirmed_by == server) then
      told[#told + 1] = token
      told[#told + 1] = kind == 'e' and partition or ''
      told[#told + 1] = kind == 'e' and offset or ''
    end
  end
  return told
end

-- take a token out; the key goes unless live items remain, whatever else it holds
local function release(keys, args)
  local now = now_ms()
  local left = items_of(content_of(keys[1]), now, function(_, token) return token ~= args[1] end)
  store_items(keys[1], left, now)
  return 'ok'
end

-- mark a change that is about to be published, over values and leases; tells who the server is
local function announce(keys, args)
  local _, now = add_until(keys[1], 'm', args[1], args[2])
  return identity(now)
end

-- let a marker that is still there last longer
local function renew(keys, args)
  local now, found = now_ms(), 0
  local deadline = now + args[2]
  local live = items_of(content_of(keys[1]), now)
  for _, item in ipairs(live) do
    if item[1] == 'm' and item[2] == args[1] then
      found, item[3] = 1, moment(math.max(deadline, tonumber(item[3])))
      item[6] = text_of('m', item[2], item[3], '0', '0', '')
    end
  end
  if found == 1 then store_items(keys[1], live, now) end
  return found
end

-- turn a marker into an entry, with its place in the log and what it changes: only where the marker still is, on the
-- server where it was announced
local function confirm(keys, args)
  local now, found = now_ms(), 0
  local live = items_of(content_of(keys[1]), now)
  for number, item in ipairs(live) do
    if item[1] == 'm' and item[2] == args[1] then
      local text = text_of('e', args[1], args[3], args[4], short_identity(now), args[5])
      found, live[number] = 1, {'e', args[1], args[3], args[4], short_identity(now), text}
    end
  end
  if found == 0 or identity(now) ~= args[2] then return 0 end
  store_items(keys[1], live, now)
  return 1
end

-- take out an intent, entries of a partition below an offset, and whatever bears the other tokens. Without an intent
-- nothing but pending items is touched; with one the key goes unless live items remain
local function take_out(keys, args)
  local now, content, gone = now_ms(), content_of(keys[1]), {}
  if args[1] == '' and not (content and string.sub(content, 1, 1) == 'P') then return 'ok' end
  for number = 4, #args do gone[args[number]] = true end
  local upto = tonumber(args[3])
  local left = items_of(content, now, function(kind, token, partition, offset)
    if gone[token] or (kind == 'w' and token == args[1]) then return false end
    return kind ~= 'e' or partition ~= args[2] or tonumber(offset) >= upto
  end)
  store_items(keys[1], left, now)
  return 'ok'
end

-- store a value only where my lease still is, and where the server is still the one that gave it
local function fill(keys, args)
  if content_of(keys[1]) ~= args[1] or identity() ~= args[4] then return 0 end
  redis.call('SET', keys[1], args[2], 'PX', args[3])
  return 1
end

-- turn a value that does not count into a lease; on another server than the reader believes it may count
local function swap(keys, args)
  if content_of(keys[1]) ~= args[1] or identity() ~= args[4] then return 0 end
  redis.call('SET', keys[1], args[2], 'PX', args[3])
  return 1
end

-- give a lease back without a value
local function drop(keys, args)
  if content_of(keys[1]) ~= args[1] then return 0 end
  redis.call('DEL', keys[1])
  return 1
end

-- the block of ids in a hash; nil when there is none, 'odd' when something else is there
local function block_of(key)
  local block = redis.pcall('HMGET', key, 'offset', 'size', 'run', 'first')
  if block.err then return 'odd' end
  if not (block[1] or block[2] or block[3] or block[4]) then return nil end
  for number, digits in ipairs({9, 9, false, 20}) do
    local text = block[number]
    if not text or (digits and (#text > digits or not string.match(text, '^%d+$'))) then return 'odd' end
  end
  return {offset = tonumber(block[1]), size = tonumber(block[2]), run = block[3], first = block[4]}
end

-- the next ids of the block in the hash, or nothing; `first` stays text, since it may pass 2^53. Ids of a block made
-- under another identity may have been handed out before the server restarted from a snapshot, or after it was cut off
-- from the replica that took its place
local function take_ids(keys, args)
  local block = block_of(keys[1])
  if block == 'odd' then return block end
  if not block or block.run ~= identity() or block.offset >= block.size then return nil end
  local count = math.min(tonumber(args[1]), block.size - block.offset)
  redis.call('HSET', keys[1], 'offset', block.offset + count)
  return {block.first, block.offset, count, block.size}
end

-- is decimal text a above b (ids may pass 2^53)
local function above(a, b)
  if #a ~= #b then return #a > #b end
  return a > b
end

-- put a fresh block in place unless one that is as high, or still has ids, is there
local function install_ids(keys, args)
  local block, server = block_of(keys[1]), identity()
  if block and block ~= 'odd' and block.run == server then
    if not above(args[1], block.first) or block.offset < block.size then return 0 end
  end
  redis.call('HSET', keys[1], 'first', args[1], 'size', args[2], 'offset', args[3], 'run', server)
  return 1
end
"""


_FUNCTIONS: Final = {
    "intend": "allow-oom",
    "release": "allow-oom",
    "announce": "allow-oom",
    "renew": "allow-oom",
    "confirm": "allow-oom",
    "take_out": "allow-oom",
    "fill": "",
    "swap": "",
    "drop": "allow-oom",
    "take_ids": "",
    "install_ids": "",
}
"""All there are; ``allow-oom``: a server that has no memory left takes it all the same, since it keeps caches true."""


def _registration(function: str, flag: str) -> str:
    flags = f"{{'{flag}'}}" if flag else "{}"
    return f"redis.register_function{{function_name='fx_{function}_' .. hash, callback={function}, flags={flags}}}"


_REGISTRATIONS: Final = "\n".join(map(_registration, _FUNCTIONS, _FUNCTIONS.values()))
_HASH: Final = hashlib.blake2b(f"{_BODY}\n{_REGISTRATIONS}".encode(), digest_size=8).hexdigest()

LIBRARY: Final = f"fluxaorm_{_HASH}"
INTEND: Final = f"fx_intend_{_HASH}"
RELEASE: Final = f"fx_release_{_HASH}"
ANNOUNCE: Final = f"fx_announce_{_HASH}"
RENEW: Final = f"fx_renew_{_HASH}"
CONFIRM: Final = f"fx_confirm_{_HASH}"
TAKE_OUT: Final = f"fx_take_out_{_HASH}"
FILL: Final = f"fx_fill_{_HASH}"
SWAP: Final = f"fx_swap_{_HASH}"
DROP: Final = f"fx_drop_{_HASH}"
TAKE_IDS: Final = f"fx_take_ids_{_HASH}"
INSTALL_IDS: Final = f"fx_install_ids_{_HASH}"


ODD_BLOCK: Final = b"odd"
"""What TAKE_IDS says of something that is no block of ids."""


def library_source() -> str:
    """The Lua source to load."""
    return f"#!lua name={LIBRARY}\nlocal hash = '{_HASH}'\n{_BODY}\n{_REGISTRATIONS}\n"


def function_call(name: str, key: str, *args: bytes | str | int) -> RedisCommand:
    """The command that runs one function on one key."""
    return ("FCALL", name, 1, key, *args)


def is_ours(command: RedisCommand) -> bool:
    """Whether a command runs a function of this library, of whatever version."""
    return command[0] == "FCALL" and str(command[1]).startswith("fx_")


def is_missing(reply: Any) -> bool:
    """Whether a reply says that the server does not know the library."""
    return isinstance(reply, RedisError) and "Function not found" in reply.reason


def redis_plan(pool: str, commands: Sequence[RedisCommand], *, shielded: bool = False) -> Plan[RedisReplies]:
    """Send commands in one round trip; load the library and repeat what it was missing for.

    A function that was not found did nothing, so only those commands are sent again, and what is published after them:
    it must not come before what it tells of. Raises RedisConnectionError, and
    RedisError when the library cannot be loaded.
    """
    round_trip = ShieldedRedisRoundTrip if shielded else RedisRoundTrip
    replies = yield from round_trip(pool, commands)
    if not any(map(is_missing, replies.values)):
        return replies
    missing = [
        position
        for position, reply in enumerate(replies.values)
        if is_missing(reply) or commands[position][0] == PUBLISH
    ]
    loaded = yield from round_trip(pool, (("FUNCTION", "LOAD", "REPLACE", library_source()),))
    _ = loaded.accepted()
    again = yield from round_trip(pool, [commands[position] for position in missing])
    values = list(replies.values)
    servers: list[bytes | list[bytes]] = [replies.server_of(position) for position in range(len(values))]
    for number, position in enumerate(missing):
        values[position] = again.values[number]
        servers[position] = again.server_of(number)
    return RedisReplies(values, again.server_of(0), servers)
