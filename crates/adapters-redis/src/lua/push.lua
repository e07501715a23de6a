-- Adds entries to a queue, and leaves alone those that it has.
--
-- KEYS    as queue.lua
-- ARGV    channel of the bell; then each entry: the place of its operation, run, order, due time as 16
--         hexadecimal digits, due time in microseconds, workspace
-- Answer  for each entry 1 where it was added, 0 where it was there

local CHANNEL, FIELDS = ARGV[1], 6
local now, answer, is_news = clock(), {}, false

local runs = {}
for at = 2, #ARGV, FIELDS do
  runs[#runs + 1] = ARGV[at + 1]
end
local entries = entries_of(runs)

-- Whether an entry has its place; one that was lost with a part of the queue's keys has none.
local function is_placed(entry, run, operation)
  local _, _, _, due = read(entry)
  return due and (redis.call('ZSCORE', ready_of(operation), due .. run)
    or redis.call('ZSCORE', waiting_of(operation), due .. run))
end

-- The operations that had nothing ready, and of each what is added to those that wait.
local added, was_empty, waits = {}, {}, {}
for place, run in ipairs(runs) do
  local at = 2 + (place - 1) * FIELDS
  local operation, _, order, due, due_at, workspace = unpack(ARGV, at, at + FIELDS - 1)
  if added[run] or entries[place] and is_placed(entries[place], run, operation) then
    answer[place] = 0
  else
    answer[place], added[run] = 1, true
    gain(ENTRIES, run, table.concat({'-', order, due, workspace}, '\t'))
    if tonumber(due_at) <= now then
      if was_empty[operation] == nil then
        was_empty[operation] = redis.call('ZCARD', ready_of(operation)) == 0
        -- Whoever found the operation's entries all taken waits for this one.
        is_news = is_news or was_empty[operation]
      end
      gain(ready_of(operation), order, due .. run)
    else
      waits[operation] = waits[operation] or {}
      waits[operation][due .. run] = true
      gain(waiting_of(operation), due_at, due .. run)
    end
  end
end
settle()
-- Whoever waits for an entry to become ready waits too long if this one is ready before it.
for operation, members in pairs(waits) do
  local first = redis.call('ZRANGE', waiting_of(operation), 0, 0)[1]
  is_news = is_news or members[first]
end
if is_news then
  -- A hint: a user who may not publish has pushed all the same.
  redis.pcall('PUBLISH', CHANNEL, '')
end
return answer
