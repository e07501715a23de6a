-- The fence (G2): nothing else runs between comparing a revision and moving what is still queued.
--
-- KEYS    as run.lua, 8 the marker; then the scopes of all fences; then each run
-- ARGV    the store's id, the number of scopes, that of rulings; of each ruling: `fenced`, `bounded` or
--         `moved`, the places of its scopes and their revisions, when it lapses or the bound passes (or
--         nothing), whether it allows, reason, record, limit of attempts, length of the lease, and what
--         it was ruled on: tenant, initiator, mode, operation, connection; then of each run: id,
--         decision id, lease id, the place of its ruling
-- Answer  of each `started` or `blocked`, and the time; `moved`; or `not_queued`

local marked, sealed = is_marker(KEYS[8], ARGV[1])
if marked then
  refuse_sealed(sealed)
end
-- The clock is read where nothing can come between.
local now = clock()
local SCOPES = tonumber(ARGV[2])
local FIRST, RULING, START = 9 + SCOPES, 13, 4

local revisions = {}
for place = 1, SCOPES do
  expect(KEYS[8 + place], 'hash')
  local scope = redis.call('HMGET', KEYS[8 + place], 'counter', 'nonce')
  revisions[place] = scope[1] and scope[2] and scope[1] .. '-' .. scope[2]
end

expect_no_rulings_beyond(tonumber(ARGV[3]))

-- Whether every scope of a fence, of which there is one at least, has the revision that it had.
local function stands(fence)
  local compared = 0
  for place, fenced in string.gmatch(fence, '(%d+):(%S+)') do
    if revisions[tonumber(place)] ~= fenced then
      return false
    end
    compared = compared + 1
  end
  return compared > 0
end

local function is_current(kind, fence, ends)
  if not marked then
    return false
  elseif kind == 'fenced' then
    return stands(fence) and (ends == '' or now < tonumber(ends))
  end
  return kind == 'bounded' and now <= tonumber(ends)
end

local rulings = {}
local at = 4
for place = 1, tonumber(ARGV[3]) do
  local kind, fence, ends, allowed, reason, record, limit, lease, tenant, initiator, mode, operation,
    connection = unpack(ARGV, at, at + RULING - 1)
  rulings[place] = {
    current = is_current(kind, fence, ends), allowed = allowed == '1', reason = reason,
    record = record, limit = limit, lease = lease, tenant = tenant, initiator = initiator, mode = mode,
    type = operation, connection = connection,
  }
  at = at + RULING
end

-- A ruling is kept before the first run that it moves (G4).
local function number_of(ruling)
  ruling.number = ruling.number or keep_ruling(ruling.record)
  return ruling.number
end

local function asks_for(run, ruling)
  return run.tenant == ruling.tenant and (run.initiator or '') == ruling.initiator
    and run.mode == ruling.mode and run.type == ruling.type
    and (run.connection or '') == ruling.connection
end

local function begin(key, id, decision, lease, ruling)
  local barred = 'barred:' .. decision
  local run, problem =
    read(key, 'initiator', 'mode', 'connection', 'undecided_since', 'put_off_until', barred)
  if not run then
    return absent(problem, {'not_queued'})
  elseif run.status ~= 'queued' or run[barred] then
    return {'not_queued'}
  elseif not asks_for(run, ruling) then
    -- G8: what was ruled on another question starts nothing.
    return {'corrupt', '`' .. key .. '` asks for something else than was ruled on'}
  end
  -- Authority could be read: the run is no longer undecided (G6).
  if run.undecided_since or run.put_off_until then
    redis.call('HDEL', key, 'undecided_since', 'put_off_until')
  end
  if not ruling.current then
    return {'moved'}
  end
  local number = number_of(ruling)
  if not ruling.allowed then
    complete(key, id, run, now, 'blocked', 'decision', decision, 'ruling', number, 'allowed', '0',
      'reason', ruling.reason)
    return {'blocked', text(now)}
  end
  local until_ = text(later(now, ruling.lease))
  redis.call('HSET', key, 'status', 'running', 'started_at', text(now), 'lease', lease,
    'lease_until', until_, 'decision', decision, 'ruling', number, 'allowed', '1',
    'max_attempts', ruling.limit)
  leave(QUEUED, id)
  enter(RUNNING, until_, id)
  return {'started', text(now)}
end

local answers = {}
for place = FIRST, #KEYS do
  local id, decision, lease, ruling = unpack(ARGV, at, at + START - 1)
  answers[#answers + 1] = begin(KEYS[place], id, decision, lease, rulings[tonumber(ruling)])
  at = at + START
end
settle()
return answers
