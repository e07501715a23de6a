-- Adds entries to a queue, and leaves alone those that it has.
--
-- KEYS    entries; then of each operation: ready, waiting
-- ARGV    channel of the bell; then each entry: the place of its operation, run, order, due time as 16
--         hexadecimal digits, due time in microseconds, workspace
-- Answer  for each entry 1 where it was added, 0 where it was there
--
-- An entry is a run's claim, order, due time and workspace. It has one place: `ready`, in the order of the
-- queue, or `waiting`, by the time at which it is to be ready again. Both hold due time and run.

local ENTRIES, CHANNEL = KEYS[1], ARGV[1]

expect(ENTRIES, 'hash')
for at = 2, #KEYS do
  expect(KEYS[at], 'zset')
end
local now, answer, is_news = clock(), {}, false

-- Whether an entry has its place; one that was lost with a part of the queue's keys has none.
local function is_placed(entry, run, ready, waiting)
  local due = entry and entry:match('^%S+\t%-?%d+\t(%x+)\t')
  return due and (redis.call('ZSCORE', ready, due .. run) or redis.call('ZSCORE', waiting, due .. run))
end

for at = 2, #ARGV, 6 do
  local operation, run, order, due, due_at, workspace = unpack(ARGV, at, at + 5)
  local ready, waiting = KEYS[2 * operation], KEYS[2 * operation + 1]
  if is_placed(redis.call('HGET', ENTRIES, run), run, ready, waiting) then
    answer[#answer + 1] = 0
  else
    answer[#answer + 1] = 1
    redis.call('HSET', ENTRIES, run, '-\t' .. order .. '\t' .. due .. '\t' .. workspace)
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
