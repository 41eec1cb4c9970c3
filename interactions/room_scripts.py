"""The Lua scripts of a room's log. Keys: see room_log."""

LOG_ITEMS = 500
NONCE_S = 60
DUPLICATE_MS = 30_000
BUCKET_MS = 30_000  # in which a whole bucket's worth may be said

# KEYS room, log, archive; ARGV channel, name, an epoch to begin with, kind, body (JSON, without kind and number)
ROOM = (
    f"local LOG, NONCE_S, DUPLICATE, BUCKET = {LOG_ITEMS}, {NONCE_S}, {DUPLICATE_MS}, {BUCKET_MS}\n"
    + """
local room, log, archive = KEYS[1], KEYS[2], KEYS[3]
local channel, name, kind, body = ARGV[1], ARGV[2], ARGV[4], ARGV[5]

local function add()
  local epoch = redis.call('HGET', room, 'epoch')
  if not epoch then
    epoch = ARGV[3]
    redis.call('DEL', log)
    redis.call('HSET', room, 'epoch', epoch, 'n', 0)
  end
  local n = redis.call('HINCRBY', room, 'n', 1)
  local rest = string.sub(body, 2)
  local item = '{"t":"' .. kind .. '","n":' .. n .. (rest == '}' and '' or ',') .. rest
  redis.call('XADD', log, 'MAXLEN', '~', LOG, n .. '-0', 'item', item)
  redis.call('XADD', archive, '*', 'room', name, 'epoch', epoch, 'n', n, 'item', item)
  redis.call('PUBLISH', channel, epoch .. ' ' .. n .. ' ' .. item)
  return n, item
end
"""
)

# KEYS …, nonce, pace, out of the room, out of the site
# ARGV …, text's hash, burst, slow_ms, now_ms → {'ok', n} | {'no', code, wait_ms}
SAY = (
    ROOM
    + """
local nonce, pace = KEYS[4], KEYS[5]
local text, burst, slow, now = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
for i = 6, 7 do
  local out = redis.call('GET', KEYS[i])
  out = out and cjson.decode(out)
  if out and out.until_ms == cjson.null then return {'no', out.code, -1} end
  if out and out.until_ms > now then return {'no', out.code, out.until_ms - now} end
end
local known = redis.call('GET', nonce)
if known then return {'ok', tonumber(known)} end
local last = redis.call('HMGET', pace, 'tokens', 'at', 'said', 'text')
local tokens, at, said = tonumber(last[1] or burst), tonumber(last[2] or now), tonumber(last[3] or 0)
tokens = math.min(burst, tokens + math.max(0, now - at) * burst / BUCKET)
if tokens < 1 then return {'no', 'rate', math.ceil((1 - tokens) * BUCKET / burst)} end
if now - said < slow then return {'no', 'slow', slow - (now - said)} end
if last[4] == text and now - said < DUPLICATE then return {'no', 'duplicate', -1} end
redis.call('HSET', pace, 'tokens', tokens - 1, 'at', now, 'said', now, 'text', text)
redis.call('PEXPIRE', pace, math.max(slow, BUCKET, DUPLICATE))
local n = add()
redis.call('SET', nonce, n, 'EX', NONCE_S)
return {'ok', n}
"""
)

# What is taken back is taken out of the log and off the pin in the same step, so that no replay shows it.
# ARGV …, and where they change: settings, private settings → n
APPEND = (
    ROOM
    + """
local function concerned(item, word)
  if kind == 'clear' then return true end
  if kind == 'purge' then
    local by = item.by or (type(item.msg) == 'table' and item.msg.by)
    return type(by) == 'table' and by.id == word.user
  end
  local of = item.t == 'pin' and item.of or item.n
  for _, n in ipairs(word.of) do if n == of then return true end end
  return false
end

if kind == 'del' or kind == 'purge' or kind == 'clear' then
  local word = cjson.decode(body)
  for _, entry in ipairs(redis.call('XRANGE', log, '-', '+')) do
    local item = cjson.decode(entry[2][2])
    if (item.t == 'msg' or item.t == 'pin') and concerned(item, word) then redis.call('XDEL', log, entry[1]) end
  end
  local pin = redis.call('HGET', room, 'pin')
  if pin and concerned(cjson.decode(pin), word) then redis.call('HDEL', room, 'pin') end
end
local n, item = add()
if ARGV[7] then redis.call('HSET', room, 'settings', ARGV[6], 'private', ARGV[7]) end
if kind == 'sys' then
  local word = cjson.decode(body)
  if word.at >= tonumber(redis.call('HGET', room, 'turned') or 0) then
    redis.call('HSET', room, 'live', word.kind == 'live' and 1 or 0, 'turned', word.at)
  end
end
if kind == 'pin' then
  local of = cjson.decode(body).of
  if of == cjson.null or of == nil then redis.call('HDEL', room, 'pin') else redis.call('HSET', room, 'pin', item) end
end
return n
"""
)

# KEYS room, log; ARGV an epoch, settings, private settings, whether it is live → what is absent is set
BEGIN = """
if redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1]) == 1 then
  redis.call('DEL', KEYS[2])
  redis.call('HSET', KEYS[1], 'n', 0)
end
redis.call('HSETNX', KEYS[1], 'live', ARGV[4])
if redis.call('HSETNX', KEYS[1], 'settings', ARGV[2]) == 1 then redis.call('HSET', KEYS[1], 'private', ARGV[3]) end
"""
