-- Completes running runs under their lease, and queues successors of those that failed.
--
-- KEYS    as run.lua; then each run that simply succeeded; then of each other one the run and what more there is of
--         it; and, where a successor is wanted, its context and those of the successor
-- ARGV    how many simply succeeded, and the lease of each; then of each other lease, outcome, result, output,
--         failure code, failure message, who cancels, why, whether a successor is wanted, and how long it waits. What
--         is not set is empty
-- Answer  of each `completed`, a tab and the outcome; the same with the successor's entry; `before`, the outcome, and
--         the successor's id; or `lost`

local FIRST, FIELDS = 8, 10
local now = clock()
local SIMPLE = tonumber(ARGV[1])
-- A run that runs and of which there is no more, with the place where its lease begins.
local PLAINLY_RUNNING = '^running\t%-\t%d+\t%d+\t()[%x-]+\t%d+\t[%x-]+\t%d+\n'

local function finish(from, to, finish)
  local lease, outcome, result, output, code, message, cancel_by, cancel_reason, wait = unpack(finish)
  local run, problem = read(from.key, 'cancel_by')
  if not run then
    return absent(problem, {'lost'})
  elseif run.lease ~= lease then
    return {'lost'}
  elseif run.status == 'completed' then
    return {'before', run.outcome, redis.call('HGET', SUCCESSORS, run.id)}
  end
  -- A cancel flag that was raised first decides; the result is kept all the same.
  if run.cancel_by then
    outcome, code, cancel_by = 'cancelled', '', ''
  end
  local verdict, existing
  if to and outcome == 'failed' then
    verdict, existing = may_succeed(run, from, to)
    if not verdict then
      return {'corrupt', existing}
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
    fields[#fields + 1], fields[#fields + 2] = 'failure_code', code
    fields[#fields + 1], fields[#fields + 2] = 'failure_message', message
  end
  if cancel_by ~= '' then
    set('cancel_by', cancel_by)
    if optional(cancel_reason) then
      fields[#fields + 1] = 'cancel_reason'
      fields[#fields + 1] = optional(cancel_reason)
    end
  end
  complete(run, now, outcome, fields)
  if verdict == 'ready' then
    return {'completed', outcome, succeed(run, from, to, now, later(now, wait))}
  end
  return 'completed\t' .. outcome
end

local SUCCEEDED = {'', 'succeeded', '', '', '', '', '', '', '0'}
local SIMPLY = 'succeeded\t-\t' .. text(now)
local match, find, sub, byte = string.match, string.find, string.sub, string.byte
local answers, left = {}, index_losses(RUNNING)
local found = SIMPLE > 0 and redis.call('MGET', unpack(KEYS, FIRST, FIRST + SIMPLE - 1)) or {}
for place = 1, SIMPLE do
  local key, lease, text = KEYS[FIRST + place - 1], ARGV[place + 1], found[place]
  local held = text and match(text, PLAINLY_RUNNING)
  -- A text that ends with its tab is of a run without a unique key.
  if held and find(text, lease, held, true) == held and byte(text, -1) == 9 then
    -- All after `running` and the mark stays.
    finals[#finals + 1] = key
    finals[#finals + 1] = SIMPLY .. sub(text, 10)
    left[#left + 1] = sub(key, -36)
    answers[place] = 'completed\tsucceeded'
  else
    SUCCEEDED[1] = lease
    answers[place] = finish({key = key}, nil, SUCCEEDED)
  end
end

local place, at = FIRST + SIMPLE, 2 + SIMPLE
while place <= #KEYS do
  local from, to = {key = KEYS[place]}, nil
  place = place + 2
  if ARGV[at + 8] == '1' then
    from.context, to = KEYS[place], {key = KEYS[place + 1], context = KEYS[place + 2]}
    place = place + 3
  end
  local rest = {unpack(ARGV, at, at + 7)}
  rest[9] = ARGV[at + 9]
  answers[#answers + 1] = finish(from, to, rest)
  at = at + FIELDS
end
settle()
return answers
