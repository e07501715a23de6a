-- Cancels runs: of a queued one a transition, of a running one a flag.
--
-- KEYS    as run.lua, 8 the marker; then each run
-- ARGV    the store's id; then of each id, who cancels, why or nothing
-- Answer  of each `before_start`, `requested`, `already_requested`, `not_found`, or `completed` and its
--         outcome

local FIRST, FIELDS = 9, 3
local sealed = require_marker(KEYS[8], ARGV[1])
local now = clock()

-- In a sealed store what runs may be told to stop, and what is queued stays as it is.
if sealed then
  for place = FIRST, #KEYS do
    local run = read(KEYS[place])
    if run and run.status == 'queued' then
      refuse_sealed(sealed)
    end
  end
end

local function cancel(key, id, by, reason)
  local run, problem = read(key, 'cancel_by')
  if not run then
    return absent(problem, {'not_found'})
  elseif run.status == 'completed' then
    return {'completed', run.outcome}
  elseif run.cancel_by then
    return {'already_requested'}
  end
  local note = {'cancel_by', by}
  if optional(reason) then
    note[3], note[4] = 'cancel_reason', optional(reason)
  end
  if run.status == 'queued' then
    complete(key, id, run, now, 'cancelled', unpack(note))
    return {'before_start'}
  end
  redis.call('HSET', key, unpack(note))
  return {'requested'}
end

local answers = {}
for place = FIRST, #KEYS do
  local number = place - FIRST
  answers[number + 1] = cancel(KEYS[place], unpack(ARGV, number * FIELDS + 2, number * FIELDS + FIELDS + 1))
end
settle()
return answers
