-- What scripts about runs share. They are the storage guard: a run that could not have come about is
-- answered as damaged, and left alone.
--
-- KEYS 1 to 7: the workspace's runs, blocked, queued, running, unique, successors, rulings.
--
-- What the indexes gain and lose is written at the end, gains first: an index that a script emptied is gone, and
-- in a slot of a cluster that is on its way to another node a key that is gone is not this node's any more. The
-- script would end in the middle.

local RUNS, BLOCKED, QUEUED, RUNNING, UNIQUE, SUCCESSORS, RULINGS = unpack(KEYS, 1, 7)

for place, kind in ipairs({'zset', 'zset', 'zset', 'zset', 'hash', 'hash', 'hash'}) do
  expect(KEYS[place], kind)
end

-- What a run is and whom it is for: settled when it is queued, and copied to its successor (G8).
local ASKED = {
  'tenant', 'initiator', 'mode', 'type', 'connection', 'priority', 'unique_key', 'queue', 'chain',
}

local ENDS = {succeeded = true, partially_succeeded = true, failed = true, blocked = true, cancelled = true}

-- What no run is, whoever wrote it (G1, G3, G4).
local function problem_of(run)
  local started = run.started_at and run.lease_until and run.decision and run.allowed == '1'
  if run.status == 'queued' then
    if run.outcome ~= 'pending' or run.started_at or run.lease or run.decision then
      return 'is queued, and more than that'
    end
  elseif run.status == 'running' then
    if run.outcome ~= 'pending' or not run.lease or not started then
      return 'is running without a whole start'
    end
  elseif run.status ~= 'completed' or not ENDS[run.outcome] then
    return 'has neither a status nor an outcome that there is'
  elseif run.outcome == 'blocked' and (run.started_at or run.allowed ~= '0') then
    return 'was blocked, and not only that'
  end
  if not (run.tenant and run.type and tonumber(run.queued_at) and tonumber(run.attempt)) then
    return 'does not say what was asked for'
  end
end

-- Reads a run, with other fields than the usual. Nil where there is none; nil and the problem where it
-- cannot be read.
local function read(key, ...)
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then
    return nil
  elseif kind ~= 'hash' then
    return nil, '`' .. key .. '` is a ' .. kind .. ', expected a hash'
  end
  local names = {
    'status', 'outcome', 'tenant', 'type', 'unique_key', 'attempt', 'queued_at', 'started_at', 'lease',
    'lease_until', 'decision', 'allowed', ...
  }
  local values = redis.call('HMGET', key, unpack(names))
  local run = {}
  for place, name in ipairs(names) do
    run[name] = values[place] or nil
  end
  local problem = problem_of(run)
  if problem then
    return nil, '`' .. key .. '` ' .. problem
  end
  return run
end

-- The answer for a run that cannot be read; where there simply is none, the one that is given.
local function absent(problem, otherwise)
  return problem and {'corrupt', problem} or otherwise
end

-- A text that may be missing, as it is sent: nothing, or the text after a mark.
local function optional(argument)
  return argument ~= '' and string.sub(argument, 2) or nil
end

-- A run as the indexes order it: by time, then by id.
local function member(queued_at, id)
  return string.format('%018.0f.', tonumber(queued_at)) .. id
end

local function unique_field(run)
  return run.unique_key and run.tenant .. '\n' .. run.type .. '\n' .. run.unique_key
end

-- What each index is to gain, as scores and members, and what it is to lose.
local gains, losses = {}, {}

local function enter(index, score, member)
  local gained = gains[index] or {}
  gains[index] = gained
  gained[#gained + 1] = score
  gained[#gained + 1] = member
end

local function leave(index, member)
  local lost = losses[index] or {}
  losses[index] = lost
  lost[#lost + 1] = member
end

-- Unique key to who is to hold it, false for nobody.
local held = {}

-- The run that holds a unique key.
local function holder_of(field)
  if held[field] == nil then
    return redis.call('HGET', UNIQUE, field)
  end
  return held[field]
end

-- Writes what the indexes gain and lose. Every script that changes runs ends with it.
local function settle()
  local taken, free = {}, {}
  for field, holder in pairs(held) do
    if holder then
      taken[#taken + 1] = field
      taken[#taken + 1] = holder
    else
      free[#free + 1] = field
    end
  end
  if #taken > 0 then
    redis.call('HSET', UNIQUE, unpack(taken))
  end
  for index, gained in pairs(gains) do
    redis.call('ZADD', index, unpack(gained))
  end
  if #free > 0 then
    redis.call('HDEL', UNIQUE, unpack(free))
  end
  for index, lost in pairs(losses) do
    redis.call('ZREM', index, unpack(lost))
  end
end

-- Completes a run and lets go of what it holds. More fields and their values may follow.
local function complete(key, id, run, now, outcome, ...)
  redis.call('HSET', key, 'status', 'completed', 'outcome', outcome, 'completed_at', text(now), ...)
  leave(run.status == 'queued' and QUEUED or RUNNING, id)
  local field = unique_field(run)
  if field and holder_of(field) == id then
    held[field] = false
  end
  if outcome == 'blocked' then
    enter(BLOCKED, 0, member(run.queued_at, id))
  end
end
