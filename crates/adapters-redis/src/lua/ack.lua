-- Removes entries from a queue that are still held by the claim they were handed out under.
--
-- KEYS    entries; then of each operation: ready, waiting
-- ARGV    each delivery: the place of its operation, run, claim
-- Answer  for each delivery 1 where the entry was removed, 0 where the claim is not the entry's any more

local ENTRIES = KEYS[1]

expect(ENTRIES, 'hash')
for at = 2, #KEYS do
  expect(KEYS[at], 'zset')
end

local answer = {}
for at = 1, #ARGV, 3 do
  local operation, run, claim = unpack(ARGV, at, at + 2)
  local held, due = (redis.call('HGET', ENTRIES, run) or ''):match('^(%S+)\t%-?%d+\t(%x+)\t')
  if held == claim then
    redis.call('HDEL', ENTRIES, run)
    -- A claim that has ended may have been made ready, though nobody else has it.
    redis.call('ZREM', KEYS[2 * operation], due .. run)
    redis.call('ZREM', KEYS[2 * operation + 1], due .. run)
    answer[#answer + 1] = 1
  else
    answer[#answer + 1] = 0
  end
end
return answer
