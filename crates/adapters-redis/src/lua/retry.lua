-- Queues successors of completed runs, as operators ask.
--
-- KEYS    as run.lua, 8 the marker; then of each the run and its context, and those of its successor
-- ARGV    the store's id; then of each who asks
-- Answer  of each `created` and the successor's entry; `existing` and that successor; `held` and the run
--         that holds its unique key; `not_completed`; or `not_found`

require_open(KEYS[8], ARGV[1])
local now = clock()

local function retry(from, to, requested_by)
  local run, problem = read(from.key)
  if not run then
    return absent(problem, {'not_found'})
  elseif run.status ~= 'completed' then
    return {'not_completed'}
  end
  local verdict, existing = may_succeed(run, from, to)
  if not verdict then
    return {'corrupt', existing}
  elseif verdict == 'existing' then
    return {'existing', existing}
  end
  local field = unique_field(run)
  local holder = field and holder_of(field)
  if holder then
    return {'held', holder}
  elseif verdict == 'taken' then
    return {'existing', id_of(to.key)}
  end
  return {'created', succeed(run, from, to, now, now, requested_by)}
end

local answers = {}
for place = 9, #KEYS, 4 do
  local number = (place - 9) / 4
  local from = {key = KEYS[place], context = KEYS[place + 1]}
  local to = {key = KEYS[place + 2], context = KEYS[place + 3]}
  answers[number + 1] = retry(from, to, ARGV[number + 2])
end
settle()
return answers
