-- What scripts about runs share. They are the storage guard: a run that could not have come about is
-- answered as damaged, and left alone.
--
-- KEYS 1 to 7: the workspace's runs, blocked, queued, running, unique, successors, rulings.
--
-- A run is a text of three lines, each of columns with a tab between them: how far it has come, what it asks for,
-- and what was settled when it was queued. The last two never change (G8). `F` is `+` where a hash holds more of
-- the run, and `-` where there is none.
--
--   queued, F                       running, F, START                      blocked, F, completed at, VERDICT
--   OUTCOME, F, completed at        OUTCOME, F, completed at, START
--     where START is: started at, leased until, lease, limit of attempts, decision, ruling
--     and VERDICT: reason, decision, ruling
--   tenant, initiator, mode, operation, connection
--   queued at, due at, attempt, priority, queue, chain, predecessor, who asked for it, unique key
--
-- What the indexes gain and lose is written at the end, gains first: an index that a script emptied is gone, and
-- in a slot of a cluster that is on its way to another node a key that is gone is not this node's any more. The
-- script would end in the middle. For the same reason a hash that is to be made is one of KEYS.

local RUNS, BLOCKED, QUEUED, RUNNING, UNIQUE, SUCCESSORS, RULINGS = unpack(KEYS, 1, 7)

for place, kind in ipairs({'zset', 'zset', 'zset', 'zset', 'hash', 'hash', 'hash'}) do
  expect(KEYS[place], kind)
end

local START = '^\t(%-?%d+)\t(%-?%d+)\t([%x-]+)\t(%d+)\t([%x-]+)\t(%d+)$'
local VERDICT = '^\t[%l_]+\t([%x-]+)\t%d+$'
local ASKED = '^([^\t]+)\t([^\t]*)\t([^\t]+)\t([^\t]+)\t([^\t]*)$'
local SETTLED = '^(%-?%d+)\t(%-?%d+)\t(%d+)\t(%-?%d+)\t([^\t]+)\t([%x-]+)\t([%x-]*)\t([^\t]*)\t([^\t]*)$'

local ENDS = {succeeded = true, partially_succeeded = true, failed = true, cancelled = true}

-- Reads how far a run has come; answers with what no run is (G1, G3, G4).
local function read_head(run, head)
  local status, more, rest = head:match('^([%l_]+)\t([+-])(.*)$')
  run.has_more = more == '+'
  if status == 'queued' then
    run.status, run.outcome = 'queued', 'pending'
    return rest ~= '' and 'is queued, and more than that' or nil
  elseif status == 'running' then
    run.status, run.outcome, run.start = 'running', 'pending', rest
  elseif status == 'blocked' or ENDS[status] then
    local completed, start = rest:match('^\t(%-?%d+)(.*)$')
    if not completed then
      return 'is completed, and does not say when'
    end
    run.status, run.outcome, run.start = 'completed', status, start
    if status == 'blocked' then
      run.decision = start:match(VERDICT)
      return not run.decision and 'was blocked, and not only that' or nil
    elseif start == '' then
      return status:find('succeeded', 1, true) and 'has succeeded and never started' or nil
    end
  else
    return 'has neither a status nor an outcome that there is'
  end
  run.started_at, run.lease_until, run.lease, run.max_attempts, run.decision = run.start:match(START)
  return not run.decision and 'is running without a whole start' or nil
end

-- The run that a text holds; nil and the problem where no run is like that.
local function parse(text)
  local head, asked, settled = text:match('^([^\n]+)\n([^\n]+)\n([^\n]+)$')
  if not head then
    return nil, 'is not a run'
  end
  local run = {asked = asked, settled = settled}
  local problem = read_head(run, head)
  if problem then
    return nil, problem
  end
  run.tenant, run.initiator, run.mode, run.type = asked:match(ASKED)
  run.queued_at, run.due_at, run.attempt, run.priority, run.queue, run.chain, run.retry_of, run.requested_by,
    run.unique_key = settled:match(SETTLED)
  if not run.tenant or not run.queued_at then
    return nil, 'does not say what was asked for'
  end
  return run
end

-- The id of a run, which its key ends with.
local function id_of(key)
  return key:sub(-36)
end

-- The hash of what more there is of a run.
local function more_key(id)
  return RUNS:sub(1, -5) .. 'more:' .. id
end

-- What runs are to become, by their keys; and keys with texts of runs that the script does not look at again.
local texts, finals = {}, {}

local function write(key, text)
  texts[key] = text
end

-- Reads a run, with some fields of its hash. Nil where there is none; nil and the problem where it cannot be read.
local function read(key, ...)
  local text = texts[key] or redis.pcall('GET', key)
  if not text then
    return nil
  elseif type(text) == 'table' then
    return nil, '`' .. key .. '` is a ' .. redis.call('TYPE', key).ok .. ', expected a string'
  end
  local run, problem = parse(text)
  if not run then
    return nil, '`' .. key .. '` ' .. problem
  end
  run.key, run.id = key, id_of(key)
  run.more = more_key(run.id)
  local kind, expected = redis.call('TYPE', run.more).ok, run.has_more and 'hash' or 'none'
  if kind ~= expected then
    return nil, '`' .. run.more .. '` is a ' .. kind .. ', expected a ' .. expected
  end
  if run.has_more and select('#', ...) > 0 then
    local values = redis.call('HMGET', run.more, ...)
    for place, name in ipairs({...}) do
      run[name] = values[place] or nil
    end
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

-- Keeps fields and their values in the hash of a run.
local function keep_more(run, fields)
  if #fields > 0 then
    redis.call('HSET', run.more, unpack(fields))
    run.has_more = true
  end
end

-- Writes how far a run has come: a word, and what follows after the mark of its hash.
local function advance(run, word, rest)
  local head = word .. (run.has_more and '\t+' or '\t-') .. rest
  write(run.key, head .. '\n' .. run.asked .. '\n' .. run.settled)
end

-- A run as the indexes order it: by time, then by id.
local function member(queued_at, id)
  return string.format('%018.0f.', tonumber(queued_at)) .. id
end

-- What a unique key is held under, where the run has one.
local function unique_field(run)
  return run.unique_key ~= '' and run.tenant .. '\n' .. run.type .. '\n' .. run.unique_key
end

-- What each index is to gain, as scores and members, and what it is to lose.
local gains, losses = {}, {}

local function index_gains(index)
  gains[index] = gains[index] or {}
  return gains[index]
end

local function index_losses(index)
  losses[index] = losses[index] or {}
  return losses[index]
end

local function enter(index, score, member)
  local gained = index_gains(index)
  gained[#gained + 1] = score
  gained[#gained + 1] = member
end

local function leave(index, member)
  local lost = index_losses(index)
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

-- Writes the runs, and what the indexes gain and lose. Every script that changes runs ends with it.
local function settle()
  local taken, free = {}, {}
  for key, text in pairs(texts) do
    finals[#finals + 1] = key
    finals[#finals + 1] = text
  end
  if #finals > 0 then
    redis.call('MSET', unpack(finals))
  end
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
    if #gained > 0 then
      redis.call('ZADD', index, unpack(gained))
    end
  end
  if #free > 0 then
    redis.call('HDEL', UNIQUE, unpack(free))
  end
  for index, lost in pairs(losses) do
    if #lost > 0 then
      redis.call('ZREM', index, unpack(lost))
    end
  end
end

-- Completes a run and lets go of what it holds. Fields and their values may be kept with it; of a run that was
-- blocked, by which verdict.
local function complete(run, now, outcome, fields, verdict)
  keep_more(run, fields or {})
  advance(run, outcome, '\t' .. text(now) .. (verdict or run.start or ''))
  leave(run.status == 'queued' and QUEUED or RUNNING, run.id)
  local field = unique_field(run)
  if field and holder_of(field) == run.id then
    held[field] = false
  end
  if outcome == 'blocked' then
    enter(BLOCKED, 0, member(run.queued_at, run.id))
  end
end
