-- Queues successors of completed runs, as operators ask.
--
-- KEYS    as run.lua, 8 the marker; then of each the run and its context, and those of its successor
-- ARGV    the store's id; then of each its id, that of its successor, and who asks
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
  local verdict, asked = may_succeed(from, to)
  if not verdict then
    return {'corrupt', asked}
  elseif verdict == 'existing' then
    return {'existing', asked}
  end
  local field = unique_field(run)
  local holder = field and holder_of(field)
  if holder then
    return {'held', holder}
  elseif verdict == 'taken' then
    return {'existing', to.id}
  end
  return {'created', succeed(from, to, asked, run, now, now, requested_by)}
end

local answers = {}
for place = 9, #KEYS, 4 do
  local number = (place - 9) / 4
  local id, successor, requested_by = unpack(ARGV, number * 3 + 2, number * 3 + 4)
  local from = {id = id, key = KEYS[place], context = KEYS[place + 1]}
  local to = {id = successor, key = KEYS[place + 2], context = KEYS[place + 3]}
  answers[number + 1] = retry(from, to, requested_by)
end
settle()
return answers
