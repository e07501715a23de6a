-- Completes running runs under their lease, and queues successors of those that failed.
--
-- KEYS    as run.lua; then of each finish the run and its context, and those of its successor, where one
--         is wanted
-- ARGV    of each id, lease id, outcome, result, output, failure code, failure message, who cancels,
--         why, successor id, how long it waits. What is not set is empty
-- Answer  of each `completed`, the outcome, and the successor's entry; `before`, the outcome, and the
--         successor's id; or `lost`

local FIELDS = 11
local now = clock()

local function before(run, id)
  return {'before', run.outcome, redis.call('HGET', SUCCESSORS, id)}
end

local function finish(from, to, finish)
  local lease, outcome, result, output, code, message, cancel_by, cancel_reason, wait = unpack(finish)
  local run, problem = read(from.key, 'cancel_by')
  if not run then
    return absent(problem, {'lost'})
  elseif run.lease ~= lease then
    return {'lost'}
  elseif run.status == 'completed' then
    return before(run, from.id)
  end
  -- A cancel flag that was raised first decides; the result is kept all the same.
  if run.cancel_by then
    outcome, code, cancel_by = 'cancelled', '', ''
  end
  local verdict, asked
  if to.id ~= '' and outcome == 'failed' then
    verdict, asked = may_succeed(from, to)
    if not verdict then
      return {'corrupt', asked}
    end
  end
  local fields = {}
  local function set(name, value)
    if value and value ~= '' then
      fields[#fields + 1] = name
      fields[#fields + 1] = value
    end
  end
  set('result', result)
  set('output', output)
  if code ~= '' then
    set('failure_code', code)
    set('failure_message', message)
  end
  if cancel_by ~= '' then
    set('cancel_by', cancel_by)
    if optional(cancel_reason) then
      fields[#fields + 1] = 'cancel_reason'
      fields[#fields + 1] = optional(cancel_reason)
    end
  end
  complete(from.key, from.id, run, now, outcome, unpack(fields))
  if verdict == 'ready' then
    return {'completed', outcome, succeed(from, to, asked, run, now, later(now, wait))}
  end
  return {'completed', outcome, false}
end

local answers = {}
local place, at = 8, 1
while place < #KEYS do
  local id, successor = ARGV[at], ARGV[at + 9]
  local from = {id = id, key = KEYS[place], context = KEYS[place + 1]}
  local to = {id = successor}
  place = place + 2
  if successor ~= '' then
    to.key, to.context = KEYS[place], KEYS[place + 1]
    place = place + 2
  end
  local rest = {unpack(ARGV, at + 1, at + 8)}
  rest[9] = ARGV[at + 10]
  answers[#answers + 1] = finish(from, to, rest)
  at = at + FIELDS
end
settle()
return answers
