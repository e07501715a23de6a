-- Completes running runs whose lease has lapsed, and queues their successors.
--
-- KEYS    as run.lua; then of each the run, its context and what more there is of it, and the successor and its context
-- Answer  of each `rescued` and the successor's entry, or nothing; or `held`

local FIRST, EACH = 8, 5
local now = clock()

local function rescue(from, to)
  local run, problem = read(from.key, 'cancel_by')
  if not run then
    if not problem then
      -- An index that names a run that is not there names nothing.
      leave(RUNNING, id_of(from.key))
    end
    return absent(problem, {'held'})
  elseif run.status ~= 'running' then
    leave(RUNNING, run.id)
    return {'held'}
  elseif tonumber(run.lease_until) > now then
    return {'held'}
  end
  local verdict, existing
  if not run.cancel_by and tonumber(run.attempt) < tonumber(run.max_attempts) then
    verdict, existing = may_succeed(run, from, to)
    if not verdict then
      return {'corrupt', existing}
    end
  end
  -- The lease goes with it: a late completion finds it lost.
  local started, rest = run.start:match('^(\t%-?%d+\t%-?%d+)\t[%x-]+(\t.+)$')
  run.start = started .. '\t-' .. rest
  if run.cancel_by then
    complete(run, now, 'cancelled')
  else
    complete(run, now, 'failed', {
      'failure_code', 'worker_lost', 'failure_message', 'the worker\'s lease lapsed',
    })
  end
  if verdict == 'ready' then
    return {'rescued', succeed(run, from, to, now, now)}
  end
  return {'rescued', false}
end

local answers = {}
for place = FIRST, #KEYS, EACH do
  local from = {key = KEYS[place], context = KEYS[place + 1]}
  local to = {key = KEYS[place + 3], context = KEYS[place + 4]}
  answers[#answers + 1] = rescue(from, to)
end
settle()
return answers
