-- Queues runs of one workspace.
--
-- KEYS    as run.lua, 8 the marker, 9 in a cluster missing: the workspaces that are known; then of each run itself, its
--         context and, not in a cluster, where it is
-- ARGV    the store's id, the workspace, empty in a cluster; then of each run what it asks for as its second line, due
--         time, what is settled after the times, what its unique key is held under, and context. What is not set is empty
-- Answer  of each `created`, a tab and its due time; `existing` and that run; or `taken`

require_open(KEYS[8], ARGV[1])
local now = clock()
-- In a cluster the directory and where runs are is in other slots, and was written before.
local WORKSPACE = ARGV[2]
local IS_ALONE = WORKSPACE ~= ''
local FIRST, EACH, FIELDS = IS_ALONE and 10 or 9, IS_ALONE and 3 or 2, 5
if IS_ALONE then
  expect(KEYS[9], 'set')
end

-- Everything is looked at first: a batch with a damaged run queues nothing.
local are_new = redis.call('EXISTS', unpack(KEYS, FIRST)) == 0
for place = FIRST, are_new and 0 or #KEYS, EACH do
  local run, problem = read(KEYS[place])
  if problem then
    error({err = 'CORRUPT ' .. problem})
  end
  if not run then
    expect(KEYS[place + 1], 'string')
  end
end

-- The other workspace that has the id of this run.
local function is_elsewhere(place)
  local found = IS_ALONE and not are_new and redis.call('GET', KEYS[place + 2])
  return found and found ~= WORKSPACE
end

local answers, beside = {}, {}
local stamp, ordered = text(now), member(now, '')
for place = FIRST, #KEYS, EACH do
  local key, number = KEYS[place], (place - FIRST) / EACH
  local asked, due, settled, field, context = unpack(ARGV, 3 + number * FIELDS, 2 + (number + 1) * FIELDS)
  local known = (texts[key] or not are_new) and read(key)
  local id, holder = id_of(key), field ~= '' and holder_of(field)
  if is_elsewhere(place) then
    answers[number + 1] = {'taken'}
  elseif known then
    answers[number + 1] = known.asked == asked and {'existing', id} or {'taken'}
  elseif holder then
    answers[number + 1] = {'existing', holder}
  else
    due = due ~= '' and due or stamp
    write(key, 'queued\t-\n' .. asked .. '\n' .. stamp .. '\t' .. due .. '\t' .. settled)
    beside[#beside + 1] = KEYS[place + 1]
    beside[#beside + 1] = context
    if IS_ALONE then
      beside[#beside + 1] = KEYS[place + 2]
      beside[#beside + 1] = WORKSPACE
    end
    enter(RUNS, 0, ordered .. id)
    enter(QUEUED, 0, id)
    if field ~= '' then
      held[field] = id
    end
    answers[number + 1] = 'created\t' .. due
  end
end
if #beside > 0 then
  redis.call('MSET', unpack(beside))
  if IS_ALONE then
    redis.call('SADD', KEYS[9], WORKSPACE)
  end
end
settle()
return answers
