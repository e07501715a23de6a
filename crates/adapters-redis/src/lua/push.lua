-- Adds entries to a queue, and leaves alone those that it has.
--
-- KEYS    as queue.lua
-- ARGV    channel of the bell; then each entry: the place of its operation, run, order, due time as 16
--         hexadecimal digits, due time in microseconds, workspace
-- Answer  for each entry 1 where it was added, 0 where it was there

local CHANNEL = ARGV[1]
local now, answer, is_news = clock(), {}, false

-- Whether an entry has its place; one that was lost with a part of the queue's keys has none.
local function is_placed(run, operation)
  local _, _, due = read(redis.call('HGET', ENTRIES, run))
  return due and (redis.call('ZSCORE', ready_of(operation), due .. run)
    or redis.call('ZSCORE', waiting_of(operation), due .. run))
end

for at = 2, #ARGV, 6 do
  local operation, run, order, due, due_at, workspace = unpack(ARGV, at, at + 5)
  local ready, waiting = ready_of(operation), waiting_of(operation)
  if is_placed(run, operation) then
    answer[#answer + 1] = 0
  else
    answer[#answer + 1] = 1
    redis.call('HSET', ENTRIES, run, entry_text('-', order, due, workspace))
    if tonumber(due_at) <= now then
      -- Whoever found the operation's entries all taken waits for this one.
      is_news = is_news or redis.call('ZCARD', ready) == 0
      redis.call('ZADD', ready, order, due .. run)
    else
      redis.call('ZADD', waiting, due_at, due .. run)
      -- Whoever waits for an entry to become ready waits too long if this one is ready before it.
      is_news = is_news or redis.call('ZRANK', waiting, due .. run) == 0
    end
  end
end
if is_news then
  -- A hint: a user who may not publish has pushed all the same.
  redis.pcall('PUBLISH', CHANNEL, '')
end
return answer
