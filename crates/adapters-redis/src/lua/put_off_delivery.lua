-- Makes entries wait that are still held by the claim they were handed out under.
--
-- KEYS    entries; then of each operation: ready, waiting
-- ARGV    how long, in microseconds; then each delivery: the place of its operation, run, claim
-- Answer  for each delivery 1 where the entry waits now, 0 where the claim is not the entry's any more

local ENTRIES = KEYS[1]

expect(ENTRIES, 'hash')
for at = 2, #KEYS do
  expect(KEYS[at], 'zset')
end

local answer, ends = {}, text(later(clock(), ARGV[1]))
for at = 2, #ARGV, 3 do
  local operation, run, claim = unpack(ARGV, at, at + 2)
  local held, due = (redis.call('HGET', ENTRIES, run) or ''):match('^(%S+)\t%-?%d+\t(%x+)\t')
  if held == claim then
    redis.call('ZREM', KEYS[2 * operation], due .. run)
    redis.call('ZADD', KEYS[2 * operation + 1], ends, due .. run)
    answer[#answer + 1] = 1
  else
    answer[#answer + 1] = 0
  end
end
return answer
