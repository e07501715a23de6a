-- Queues runs of one workspace.
--
-- KEYS    as run.lua, 8 the marker; then of each run itself and its context
-- ARGV    the store's id; then of each run what it asks for as its second line, due time, what is settled after the
--         times, what its unique key is held under, and context. What is not set is empty
-- Answer  of each `created`, a tab and its due time; `existing` and that run; or `taken`

require_open(KEYS[8], ARGV[1])
local now = clock()
local FIRST, FIELDS = 9, 5

-- Everything is looked at first: a batch with a damaged run queues nothing.
local are_new = redis.call('EXISTS', unpack(KEYS, FIRST)) == 0
for place = FIRST, are_new and 0 or #KEYS, 2 do
  local run, problem = read(KEYS[place])
  if problem then
    error({err = 'CORRUPT ' .. problem})
  end
  if not run then
    expect(KEYS[place + 1], 'string')
  end
end

local answers, contexts = {}, {}
local stamp, ordered = text(now), member(now, '')
for place = FIRST, #KEYS, 2 do
  local key, number = KEYS[place], (place - FIRST) / 2
  local asked, due, settled, field, context = unpack(ARGV, 2 + number * FIELDS, 1 + (number + 1) * FIELDS)
  local known = (texts[key] or not are_new) and read(key)
  local id, holder = id_of(key), field ~= '' and holder_of(field)
  if known then
    answers[number + 1] = known.asked == asked and {'existing', id} or {'taken'}
  elseif holder then
    answers[number + 1] = {'existing', holder}
  else
    due = due ~= '' and due or stamp
    write(key, 'queued\t-\n' .. asked .. '\n' .. stamp .. '\t' .. due .. '\t' .. settled)
    contexts[#contexts + 1] = KEYS[place + 1]
    contexts[#contexts + 1] = context
    enter(RUNS, 0, ordered .. id)
    enter(QUEUED, 0, id)
    if field ~= '' then
      held[field] = id
    end
    answers[number + 1] = 'created\t' .. due
  end
end
if #contexts > 0 then
  redis.call('MSET', unpack(contexts))
end
settle()
return answers
