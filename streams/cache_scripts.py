"""The Lua scripts of the segment cache. What an encode job writes is refused where its epoch is lower than the stored one."""

from streams.hls.stamps import LEAP_MS, TURN_MS
from streams.hls.timeline import WINDOW_SEGMENTS

WINDOW_S = WINDOW_SEGMENTS * 2
PART_TTL_S = 3 * WINDOW_S
TTL_S = 3600
TIMELINE_RECORDS = 600  # more than a window of the shortest parts
CLOCK_PAIRS = 24
CLOCK_TOLERANCE_MS = 5
SHORTEST_SEGMENT_MS = 1400
FIRST_MSN = 10
LATE_MS = 2200  # after the first video rendition; then the broadcast is without
LATE_AUDIO_MS = 5000  # there is at least silence as soon as somebody encodes it
BEHIND_MS = 20_000  # so late may media come out of an encoder
ALIVE_MS = 6000  # while there are new segments so often, some encoder sees whether the stamps leap

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
    redis.call('RPUSHX', base .. ':timeline', record)
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

# Another publisher session: what its encoders bring is another era, whatever its stamps are.
# KEYS clock; ARGV now ms, channel
RESUME = """
local era, offset, pairs_ = unpack(redis.call('HMGET', KEYS[1], 'era', 'offset_ms', 'pairs'))
if not offset then return end
local before = era .. ' ' .. offset .. ' ' .. pairs_
redis.call('HSET', KEYS[1], 'era', era + 1, 'pairs', '', 'at_ms', ARGV[1], 'before', before)
redis.call('HDEL', KEYS[1], 'offset_ms')
redis.call('PUBLISH', ARGV[2], '')
"""

# A rendition that the broadcast did without may report again. KEYS master; ARGV its name
AGAIN = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'again:' .. ARGV[1], '1') end
"""

# While a publisher is waited for, what is listed stays there. KEYS timeline; ARGV prefix of parts, ttl
KEEP = """
for _, record in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
  local n, kind, epoch = unpack(cjson.decode(record))
  if kind == 'part' then redis.call('EXPIRE', ARGV[1] .. epoch .. '-' .. n, ARGV[2]) end
end
"""

# What follows is for encode jobs. KEYS rendition, master, clock; ARGV epoch, …
JOB = (
    f"""
local TTL, PART_TTL, RECORDS = {TTL_S}, {PART_TTL_S}, {TIMELINE_RECORDS}
local LATE, LATE_AUDIO = {LATE_MS}, {LATE_AUDIO_MS}
local FIRST, TOLERANCE, SHORTEST, KEPT = {FIRST_MSN}, {CLOCK_TOLERANCE_MS}, {SHORTEST_SEGMENT_MS}, {CLOCK_PAIRS}
local TURN, LEAP, BEHIND, ALIVE = {TURN_MS}, {LEAP_MS}, {BEHIND_MS}, {ALIVE_MS}
"""
    + """
local base, master, clock = KEYS[1], KEYS[2], KEYS[3]
local id, rendition = string.match(base, '{(.-)}:(.+)')
local function announce(text) redis.call('PUBLISH', 'hls:' .. id, text) end
local function changed_clock() redis.call('PUBLISH', 'clock:' .. id, '') end
if redis.call('HEXISTS', master, 'ended') == 1 then return 'FENCED' end
local epoch = redis.call('HGET', base, 'epoch')
if epoch and tonumber(epoch) > tonumber(ARGV[1]) then return 'FENCED' end
"""
)

# Where the encoder before has offered its place, it goes on until this one has stored something.
# ARGV epoch, the opening's fields (missing only where Redis was emptied) → 'OK' | 'OFFERED' | 'FENCED'
BEGIN = (
    JOB
    + """
local offered = epoch and redis.call('HGET', base, 'offered') == epoch
redis.call('HDEL', base, 'offered', 'from')
if not offered then redis.call('HSET', base, 'epoch', ARGV[1], 'frames', 0) end
redis.call('EXPIRE', base, TTL)
for i = 2, #ARGV, 2 do redis.call('HSETNX', master, ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', master, TTL)
return offered and 'OFFERED' or 'OK'
"""
)

# Where one of them was evicted, what is written would stay for ever.
FENCE = (
    JOB
    + """
if not epoch or redis.call('EXISTS', master) == 0 then return 'FORGOTTEN' end
"""
)

# ARGV epoch
OFFER = (
    FENCE
    + """
redis.call('HSET', base, 'offered', ARGV[1])
return 'OK'
"""
)

# From which segment on the successor writes: the first that has nothing of the one before.
# ARGV epoch, the segment that it has come to → media sequence number
TAKE = (
    FENCE
    + """
local record = redis.call('LINDEX', base .. ':timeline', -1)
local last, msn = record and cjson.decode(record)[4][1], tonumber(ARGV[2])
if last and last >= msn then msn = last + 1 end
redis.call('HSET', base, 'from', msn)
return msn
"""
)

# A broadcast's ladder is fixed once every expected rendition has reported, or when the late ones have been waited for.
SEAL = """
local function seal(now)
  local h = {}
  local flat = redis.call('HGETALL', master)
  for i = 1, #flat, 2 do h[flat[i]] = flat[i + 1] end
  if h['sealed'] or not h['expected'] or not h['first_ms'] then return end
  local age, listed, gop = now - tonumber(h['first_ms']), {}, 2000
  for name in string.gmatch(h['expected'], '[^,]+') do
    local report = h['r:' .. name]
    if not report then
      if age < (name == 'audio' and LATE_AUDIO or LATE) then return end
      redis.call('HSET', master, 'r:' .. name, 'absent')
    elseif report ~= 'absent' then
      listed[#listed + 1] = name
      gop = math.max(gop, tonumber(h['gop:' .. name] or 0))
    end
  end
  redis.call('HSET', master, 'sealed', table.concat(listed, ','), 'target_s', math.floor(gop / 1000 + 1.39 + 0.5))
  announce('master')
end
"""

# ARGV epoch, init bytes → the init's number
INIT = (
    FENCE
    + """
local n = redis.call('HINCRBY', base, 'init', 1)
redis.call('SET', base .. ':init:' .. n, ARGV[2], 'EX', TTL)
return n
"""
)

# ARGV epoch, report, keyframe interval ms, now ms → 1 if it is or may be listed
REPORT = (
    FENCE
    + SEAL
    + """
local report, now = ARGV[2], tonumber(ARGV[4])
if report == 'absent' then
  redis.call('DEL', base .. ':timeline')
  redis.call('HDEL', base, 'n')
end
if not redis.call('HGET', master, 'sealed') then
  redis.call('HSET', master, 'r:' .. rendition, report, 'gop:' .. rendition, ARGV[3])
  if rendition ~= 'audio' and report ~= 'absent' then redis.call('HSETNX', master, 'first_ms', now) end
  seal(now)
end
local sealed = redis.call('HGET', master, 'sealed')
if not sealed then return report == 'absent' and 0 or 1 end
if report == 'absent' then
  local left = {}
  for name in string.gmatch(sealed, '[^,]+') do if name ~= rendition then left[#left + 1] = name end end
  redis.call('HSET', master, 'sealed', table.concat(left, ','))
  announce('master')
  return 0
end
if string.find(',' .. sealed .. ',', ',' .. rendition .. ',', 1, true) then
  if redis.call('HGET', master, 'r:' .. rendition) ~= report then
    redis.call('HSET', master, 'r:' .. rendition, report)
    announce('master')
  end
  return 1
end
if redis.call('HDEL', master, 'again:' .. rendition) == 0 then return 0 end
redis.call('HSET', master, 'r:' .. rendition, report, 'sealed', sealed .. ',' .. rendition)
announce('master')
return 1
"""
)

# ARGV epoch, the part's fields, its bytes, now ms, its frames → its number. Who heard no answer asks again.
STORE = (
    FENCE
    + SEAL
    + """
local newest = redis.call('LINDEX', base .. ':timeline', -1)
if newest and string.find(newest, ',"part",' .. ARGV[1] .. ',' .. ARGV[2] .. ']', 1, true) then
  return tonumber(redis.call('HGET', base, 'n'))
end
local from, msn = tonumber(redis.call('HGET', base, 'from')), cjson.decode(ARGV[2])[1]
if tonumber(epoch) < tonumber(ARGV[1]) then
  redis.call('HSET', base, 'epoch', ARGV[1])
  redis.call('HDEL', base, 'from')
elseif from and msn >= from then
  return 'FENCED'
end
local n, now = redis.call('HINCRBY', base, 'n', 1), tonumber(ARGV[4])
local record = '[' .. n .. ',"part",' .. ARGV[1] .. ',' .. ARGV[2] .. ']'
redis.call('SET', base .. ':part:' .. ARGV[1] .. '-' .. n, ARGV[3], 'EX', PART_TTL)
redis.call('HINCRBY', base, 'frames', ARGV[5])
redis.call('RPUSH', base .. ':timeline', record)
redis.call('LTRIM', base .. ':timeline', -RECORDS, -1)
redis.call('EXPIRE', base .. ':timeline', TTL)
redis.call('EXPIRE', base .. ':init:' .. (redis.call('HGET', base, 'init') or 0), TTL)
redis.call('EXPIRE', base, TTL)
redis.call('EXPIRE', master, TTL)
if rendition ~= 'audio' then redis.call('HSET', master, 'pictured_ms', now) end
seal(now)
announce(rendition .. ' ' .. record)
return n
"""
)

# Where Redis was emptied, a job that has proven its lease brings back what it knows and has stored lately: the highest clock
# wins.
# ARGV epoch, counters, init bytes, report or '', keyframe interval ms, clock or '', now ms, how many fields, the opening's
# fields, records with their parts' bytes
REFILL = (
    JOB
    + SEAL
    + """
if epoch then return 'OK' end
local kept, report, known, now = cjson.decode(ARGV[2]), ARGV[4], ARGV[6], tonumber(ARGV[7])
local first = 9 + ARGV[8]
for i = 9, first - 1, 2 do redis.call('HSETNX', master, ARGV[i], ARGV[i + 1]) end
redis.call('HSET', base, 'epoch', ARGV[1], 'n', kept.n, 'init', kept.init, 'frames', kept.frames)
if kept.init > 0 then redis.call('SET', base .. ':init:' .. kept.init, ARGV[3], 'EX', TTL) end
redis.call('DEL', base .. ':timeline')
for i = first, #ARGV, 2 do
  local n, _, e = unpack(cjson.decode(ARGV[i]))
  redis.call('RPUSH', base .. ':timeline', ARGV[i])
  redis.call('SET', base .. ':part:' .. e .. '-' .. n, ARGV[i + 1], 'EX', PART_TTL)
end
if known ~= '' then
  local c, era, pairs_ = cjson.decode(known), unpack(redis.call('HMGET', clock, 'era', 'pairs'))
  local last = tonumber(string.match(pairs_ or '', '(%d+)@%-?%d+ $') or 0)
  era = tonumber(era or -1)
  if era < c.era or era == c.era and last < c.last then
    redis.call('HSET', clock, 'era', c.era, 'offset_ms', c.offset_ms, 'pairs', c.pairs, 'next', c.last + 1, 'at_ms', c.at_ms,
      'shape', c.shape)
    changed_clock()
  end
end
if report ~= '' and not redis.call('HGET', master, 'sealed') then
  redis.call('HSET', master, 'r:' .. rendition, report, 'gop:' .. rendition, ARGV[5])
  if rendition ~= 'audio' then redis.call('HSETNX', master, 'first_ms', now) end
  seal(now)
end
for _, key in ipairs({base, base .. ':timeline', master, clock}) do redis.call('EXPIRE', key, TTL) end
announce('master')
return 'OK'
"""
)

# A second of the source, with how far every rendition has got, how many frames of it there are, and what the sound's job
# measured.
# ARGV epoch, figures, how many are kept
NOTE = (
    FENCE
    + """
if tonumber(epoch) < tonumber(ARGV[1]) then return 'OK' end -- the one before still does
local prefix, ends, frames = string.sub(master, 1, -7), {}, {}
for name in string.gmatch(redis.call('HGET', master, 'expected') or '', '[^,]+') do
  local record = redis.call('LINDEX', prefix .. name .. ':timeline', -1)
  record = record and cjson.decode(record)
  if record and record[2] == 'part' then
    ends[#ends + 1] = cjson.encode(name) .. ':' .. math.floor(record[4][4] + record[4][5])
    frames[#frames + 1] = cjson.encode(name) .. ':' .. (redis.call('HGET', prefix .. name, 'frames') or 0)
  end
end
local audio = redis.call('HGET', prefix .. 'ingest', 'audio') or 'null'
local sample = '{"ends":{' .. table.concat(ends, ',') .. '},"frames":{' .. table.concat(frames, ',')
sample = sample .. '},"audio":' .. audio .. ',' .. string.sub(ARGV[2], 2)
redis.call('RPUSH', prefix .. 'health', sample)
redis.call('LTRIM', prefix .. 'health', -ARGV[3], -1)
redis.call('EXPIRE', prefix .. 'health', TTL)
return 'OK'
"""
)

# What era it is, and how far its stamps should have got.
CLOCK = """
local now = tonumber(ARGV[#ARGV])
local c = redis.call('HMGET', clock, 'era', 'offset_ms', 'pairs', 'next', 'at_ms', 'before')
local era, offset, pairs_ = tonumber(c[1] or 0), tonumber(c[2]), c[3] or ''
local last = tonumber(string.match(pairs_, '@(-?%d+) $'))
local at = tonumber(c[5] or now)
local due = last and last + now - at or offset and now - offset
local function fits(stamp) return stamp - due <= LEAP and due - stamp <= BEHIND end
local function known(pairs_, pts)
  for m, p in string.gmatch(pairs_, '(%d+)@(-?%d+)') do
    if math.abs(tonumber(p) - pts) <= TOLERANCE then return tonumber(m) end
  end
end
local function begin_era(...)
  redis.call('HSET', clock, 'era', era + 1, 'pairs', '', 'at_ms', now, 'before', era .. ' ' .. offset .. ' ' .. pairs_, ...)
  changed_clock()
end
"""

# ARGV epoch, own era, presentation time, now ms → {msn, era, offset}, or {} where no segment begins
BOUNDARY = (
    FENCE
    + CLOCK
    + """
local own, pts = tonumber(ARGV[2]), tonumber(ARGV[3])
if own ~= era then
  local e, o, p = string.match(c[6] or '', '^(%d+) (-?%d+) (.*)')
  if tonumber(e) == own and known(p, pts) then return {known(p, pts), own, tonumber(o)} end
  if not due or not fits(pts) then return {} end
end
offset = offset or now - pts
if known(pairs_, pts) then return {known(pairs_, pts), era, offset} end
if last and pts - last < SHORTEST then return {} end
local msn = tonumber(c[4])
if not msn then
  local began = tonumber(redis.call('HGET', master, 'began_ms') or now)
  msn = FIRST + math.floor(math.max(0, now - began) / 1000)
end
local _, count = string.gsub(pairs_, ' ', ' ')
if count >= KEPT then pairs_ = string.gsub(pairs_, '^%S+ ', '') end
pairs_ = pairs_ .. msn .. '@' .. pts .. ' '
redis.call('HSET', clock, 'era', era, 'offset_ms', offset, 'pairs', pairs_, 'next', msn + 1, 'at_ms', now)
redis.call('EXPIRE', clock, TTL)
changed_clock()
return {msn, era, offset}
"""
)

# The stamps have leapt: a new era begins, unless another rendition has begun it. An encoder that has just begun (own era -1)
# knows of no leap: it joins the era that it finds, if that is alive.
# ARGV epoch, own era, stamp within a turn, now ms → {era, the stamp near the time that it should have}
ERA = (
    FENCE
    + CLOCK
    + """
local own, stamp = tonumber(ARGV[2]), tonumber(ARGV[3])
if not due then return {era, stamp} end
local near = stamp + TURN * math.floor((due - stamp) / TURN + 0.5)
if own < 0 and (last and now - at <= ALIVE or fits(near)) or own >= 0 and own < era then return {era, near} end
begin_era('offset_ms', now - stamp)
return {era + 1, stamp}
"""
)

# ARGV epoch, now ms. A new era begins, in which the picture has another shape.
RESHAPE = (
    FENCE
    + CLOCK
    + """
if offset then begin_era('shape', (redis.call('HGET', clock, 'shape') or 0) + 1) end
"""
)
