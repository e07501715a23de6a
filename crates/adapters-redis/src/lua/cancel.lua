-- Cancels runs: of a queued one a transition, of a running one a flag.
--
-- KEYS    as run.lua, 8 the marker; then each run, and what more there is of it
-- ARGV    the store's id; then of each who cancels, why or nothing
-- Answer  of each `before_start`, `requested`, `already_requested`, `not_found`, or `completed` and its
--         outcome

local FIRST, FIELDS = 9, 2
local sealed = require_marker(KEYS[8], ARGV[1])
local now = clock()

-- In a sealed store what runs may be told to stop, and what is queued stays as it is.
if sealed then
  for place = FIRST, #KEYS, 2 do
    local run = read(KEYS[place])
    if run and run.status == 'queued' then
      refuse_sealed(sealed)
    end
  end
end

local function cancel(key, by, reason)
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
    complete(run, now, 'cancelled', note)
    return {'before_start'}
  end
  keep_more(run, note)
  advance(run, 'running', run.start)
  return {'requested'}
end

local answers = {}
for place = FIRST, #KEYS, 2 do
  local number = (place - FIRST) / 2
  answers[number + 1] = cancel(KEYS[place], unpack(ARGV, number * FIELDS + 2, number * FIELDS + FIELDS + 1))
end
settle()
return answers
