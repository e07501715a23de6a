-- Successors: the next run of a chain, in the script that completes the one before.

-- Finds out whether a run may have this successor, before anything is written: `ready`; `existing` and
-- the one that it has; `taken`, where the successor's id is another run's; or nil and the problem.
local function may_succeed(from, to)
  local existing = redis.call('HGET', SUCCESSORS, from.id)
  if existing then
    return 'existing', existing
  end
  if redis.call('EXISTS', to.key, to.context) > 0 then
    return 'taken'
  end
  local kind = redis.call('TYPE', from.context).ok
  if kind ~= 'string' then
    return nil, '`' .. from.context .. '` is a ' .. kind .. ', expected a string'
  end
  local asked = redis.call('HMGET', from.key, unpack(ASKED))
  if not (asked[3] and asked[6] and asked[8] and asked[9]) then
    return nil, '`' .. from.key .. '` does not say what was asked for'
  end
  return 'ready', asked
end

-- Queues the successor that may be, and answers with its entry: id, operation, queue, priority, due time.
local function succeed(from, to, asked, run, now, due, requested_by)
  local fields = {
    'status', 'queued', 'outcome', 'pending', 'attempt', text(tonumber(run.attempt) + 1),
    'retry_of', from.id, 'queued_at', text(now), 'due_at', text(due),
  }
  local function set(name, value)
    if value then
      fields[#fields + 1] = name
      fields[#fields + 1] = value
    end
  end
  for place, name in ipairs(ASKED) do
    set(name, asked[place])
  end
  set('requested_by', requested_by)
  redis.call('COPY', from.context, to.context)
  redis.call('HSET', to.key, unpack(fields))
  enter(RUNS, 0, member(now, to.id))
  enter(QUEUED, 0, to.id)
  redis.call('HSET', SUCCESSORS, from.id, to.id)
  local field = unique_field(run)
  if field then
    held[field] = to.id
  end
  return {to.id, asked[4], asked[8], asked[6], text(due)}
end
