"""The Lua scripts of the segment cache. What an encode job writes is refused where its epoch is lower than the stored one."""

CLOCK_PAIRS = 24
CLOCK_TOLERANCE_MS = 5
SHORTEST_SEGMENT_MS = 1400
FIRST_MSN = 10
LATE_AUDIO_MS = 1500  # after the first video rendition; then the broadcast is without
LATE_VIDEO_MS = 2200  # also for audio that is known to come
ERA_JUMP_MS = 3000

# KEYS master; ARGV ttl
END = """
if redis.call('HSETNX', KEYS[1], 'ended', '1') == 0 then return end
redis.call('EXPIRE', KEYS[1], ARGV[1])
for _, rendition in ipairs(cjson.decode(ARGV[2])) do
  local base = string.sub(KEYS[1], 1, -7) .. rendition
  local n = redis.call('HGET', base, 'n')
  if n then
    n = redis.call('HINCRBY', base, 'n', 1)
    local record = '[' .. n .. ',"end",0,[]]'
    redis.call('RPUSH', base .. ':timeline', record)
    redis.call('PUBLISH', ARGV[3], rendition .. ' ' .. record)
  end
end
redis.call('PUBLISH', ARGV[3], 'end')
"""

# Words about one broadcast may come in any order: its end is the last of them; an older broadcast has nothing to say any more.
# KEYS page; ARGV page, ttl, channel
SHOW = """
local page, text, old = cjson.decode(ARGV[1]), ARGV[1], redis.call('GET', KEYS[1])
if old then
  old = cjson.decode(old)
  if old.id ~= page.id then
    if old.n > page.n then return end
  elseif old.state == page.state or (old.over and not page.over) then
    return
  elseif old.n >= page.n then
    page.n = old.n + 1
    text = cjson.encode(page)
  end
end
redis.call('SET', KEYS[1], text, 'EX', ARGV[2])
redis.call('PUBLISH', ARGV[3], text)
"""

FENCE = """
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return 'FORGOTTEN' end
if tonumber(epoch) > tonumber(ARGV[1]) then return 'FENCED' end
if redis.call('HEXISTS', KEYS[2], 'ended') == 1 then return 'FENCED' end
"""

# A broadcast's ladder is fixed once every expected rendition has reported, or when the late ones have been waited for.
SEAL = (
    f"""
local LATE_AUDIO, LATE_VIDEO = {LATE_AUDIO_MS}, {LATE_VIDEO_MS}
"""
    + """
local function seal(master, channel, now)
  local h = {}
  local flat = redis.call('HGETALL', master)
  for i = 1, #flat, 2 do h[flat[i]] = flat[i + 1] end
  if h['sealed'] or not h['expected'] or not h['first_ms'] then return end
  local age, listed, gop = now - tonumber(h['first_ms']), {}, 2000
  for name in string.gmatch(h['expected'], '[^,]+') do
    local report = h['r:' .. name]
    if not report then
      local hurried = name == 'audio' and not h['audio_comes']
      if age < (hurried and LATE_AUDIO or LATE_VIDEO) then return end
      redis.call('HSET', master, 'r:' .. name, 'absent')
    elseif report ~= 'absent' then
      listed[#listed + 1] = name
      gop = math.max(gop, tonumber(h['gop:' .. name] or 0))
    end
  end
  redis.call('HSET', master, 'sealed', table.concat(listed, ','), 'target_s', math.floor(gop / 1000 + 1.39 + 0.5))
  redis.call('PUBLISH', channel, 'master')
end
"""
)

# KEYS rendition, master; ARGV epoch, ttl, the opening's fields (missing only where Redis was emptied) → 'OK' | 'FENCED'
BEGIN = """
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch and tonumber(epoch) > tonumber(ARGV[1]) then return 'FENCED' end
if redis.call('HEXISTS', KEYS[2], 'ended') == 1 then return 'FENCED' end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
for i = 3, #ARGV, 2 do redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 'OK'
"""

# KEYS rendition, master; ARGV epoch, ttl, base, init bytes → the init's number
INIT = (
    FENCE
    + """
local n = redis.call('HINCRBY', KEYS[1], 'init', 1)
redis.call('SET', ARGV[3] .. ':init:' .. n, ARGV[4], 'EX', ARGV[2])
return n
"""
)

# KEYS rendition, master; ARGV epoch, ttl, name, report, keyframe interval ms, channel, now ms → 1 if it is or may be listed
REPORT = (
    SEAL
    + FENCE
    + """
if not redis.call('HGET', KEYS[2], 'sealed') then
  redis.call('HSET', KEYS[2], 'r:' .. ARGV[3], ARGV[4], 'gop:' .. ARGV[3], ARGV[5])
  if ARGV[3] ~= 'audio' and ARGV[4] ~= 'absent' then redis.call('HSETNX', KEYS[2], 'first_ms', ARGV[7]) end
  seal(KEYS[2], ARGV[6], tonumber(ARGV[7]))
end
local sealed = redis.call('HGET', KEYS[2], 'sealed')
if not sealed then return ARGV[4] == 'absent' and 0 or 1 end
if ARGV[4] == 'absent' then
  local left = {}
  for name in string.gmatch(sealed, '[^,]+') do if name ~= ARGV[3] then left[#left + 1] = name end end
  redis.call('HSET', KEYS[2], 'sealed', table.concat(left, ','))
  redis.call('PUBLISH', ARGV[6], 'master')
  return 0
end
return string.find(',' .. sealed .. ',', ',' .. ARGV[3] .. ',', 1, true) and 1 or 0
"""
)

# KEYS rendition, master; ARGV epoch, ttl, base, fields, part bytes, part ttl, records kept, channel, rendition, now ms
STORE = (
    SEAL
    + FENCE
    + """
local n = redis.call('HINCRBY', KEYS[1], 'n', 1)
local record = '[' .. n .. ',"part",' .. ARGV[1] .. ',' .. ARGV[4] .. ']'
redis.call('SET', ARGV[3] .. ':part:' .. ARGV[1] .. '-' .. n, ARGV[5], 'EX', ARGV[6])
redis.call('RPUSH', ARGV[3] .. ':timeline', record)
redis.call('LTRIM', ARGV[3] .. ':timeline', -tonumber(ARGV[7]), -1)
redis.call('EXPIRE', ARGV[3] .. ':timeline', ARGV[2])
redis.call('EXPIRE', ARGV[3] .. ':init:' .. (redis.call('HGET', KEYS[1], 'init') or 0), ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
if ARGV[9] ~= 'audio' then redis.call('HSET', KEYS[2], 'pictured_ms', ARGV[10]) end
seal(KEYS[2], ARGV[8], tonumber(ARGV[10]))
redis.call('PUBLISH', ARGV[8], ARGV[9] .. ' ' .. record)
return n
"""
)

# KEYS rendition, master, clock; ARGV epoch, ttl, pts, now, channel → {msn or -1, era, offset}
BOUNDARY = (
    FENCE
    + f"""
local FIRST, TOLERANCE, SHORTEST, KEPT = {FIRST_MSN}, {CLOCK_TOLERANCE_MS}, {SHORTEST_SEGMENT_MS}, {CLOCK_PAIRS}
"""
    + """
local pts, now = tonumber(ARGV[3]), tonumber(ARGV[4])
local c = redis.call('HMGET', KEYS[3], 'era', 'offset_ms', 'pairs', 'next')
local era, offset, pairs_, msn = tonumber(c[1] or 0), tonumber(c[2] or now - pts), c[3] or '', tonumber(c[4] or 0)
if not c[4] then
  local began = tonumber(redis.call('HGET', KEYS[2], 'began_ms') or now)
  msn = FIRST + math.floor(math.max(0, now - began) / 1000)
end
local last, count = nil, 0
for m, p in string.gmatch(pairs_, '(%d+)@(-?%d+)') do
  last, count = tonumber(p), count + 1
  if math.abs(last - pts) <= TOLERANCE then return {tonumber(m), era, offset} end
end
if last and pts - last < SHORTEST then return {-1, era, offset} end
if count >= KEPT then pairs_ = string.gsub(pairs_, '^%S+ ', '') end
pairs_ = pairs_ .. msn .. '@' .. pts .. ' '
redis.call('HSET', KEYS[3], 'era', era, 'offset_ms', offset, 'pairs', pairs_, 'next', msn + 1)
redis.call('EXPIRE', KEYS[3], ARGV[2])
redis.call('PUBLISH', ARGV[5], 'pairs')
return {msn, era, offset}
"""
)

# KEYS rendition, master, clock; ARGV epoch, ttl, pts, now, channel → era
JUMP = (
    FENCE
    + f"""
local ERA_JUMP = {ERA_JUMP_MS}
"""
    + """
local pts, now = tonumber(ARGV[3]), tonumber(ARGV[4])
local c = redis.call('HMGET', KEYS[3], 'era', 'offset_ms')
local era, offset = tonumber(c[1] or 0), tonumber(c[2] or now - pts)
if math.abs(now - offset - pts) > ERA_JUMP then
  era, offset = era + 1, now - pts
  redis.call('HSET', KEYS[3], 'era', era, 'offset_ms', offset, 'pairs', '')
  redis.call('PUBLISH', ARGV[5], 'pairs')
end
return era
"""
)
