-- Completes running runs whose lease has lapsed, and queues their successors.
--
-- KEYS    as run.lua; then of each the run and its context, and those of its successor
-- ARGV    of each its id, and that of its successor
-- Answer  of each `rescued` and the successor's entry, or nothing; or `held`

local now = clock()

local function rescue(from, to)
  local run, problem = read(from.key, 'cancel_by', 'max_attempts')
  if not run then
    if not problem then
      -- An index that names a run that is not there names nothing.
      leave(RUNNING, from.id)
    end
    return absent(problem, {'held'})
  elseif run.status ~= 'running' then
    leave(RUNNING, from.id)
    return {'held'}
  end
  local lapses, limit = tonumber(run.lease_until), tonumber(run.max_attempts)
  if not lapses or not limit then
    return {'corrupt', '`' .. from.key .. '` does not say until when it runs, or how often it may'}
  elseif lapses > now then
    return {'held'}
  end
  local verdict, asked
  if not run.cancel_by and tonumber(run.attempt) < limit then
    verdict, asked = may_succeed(from, to)
    if not verdict then
      return {'corrupt', asked}
    end
  end
  -- The lease goes with it: a late completion finds it lost.
  redis.call('HDEL', from.key, 'lease', 'lease_until')
  if run.cancel_by then
    complete(from.key, from.id, run, now, 'cancelled')
  else
    complete(from.key, from.id, run, now, 'failed', 'failure_code', 'worker_lost',
      'failure_message', 'the worker\'s lease lapsed')
  end
  if verdict == 'ready' then
    return {'rescued', succeed(from, to, asked, run, now, now)}
  end
  return {'rescued', false}
end

local answers = {}
for place = 8, #KEYS, 4 do
  local number = (place - 8) / 4
  local from = {id = ARGV[number * 2 + 1], key = KEYS[place], context = KEYS[place + 1]}
  local to = {id = ARGV[number * 2 + 2], key = KEYS[place + 2], context = KEYS[place + 3]}
  answers[number + 1] = rescue(from, to)
end
settle()
return answers
