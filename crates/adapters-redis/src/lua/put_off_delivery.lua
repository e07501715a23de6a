-- Makes entries wait that are still held by the claim they were handed out under.
--
-- KEYS    as queue.lua
-- ARGV    how long, in microseconds; then each delivery: the place of its operation, run, claim
-- Answer  for each delivery 1 where the entry waits now, 0 where the claim is not the entry's any more

local answer, ends = {}, text(later(clock(), ARGV[1]))
for at = 2, #ARGV, 3 do
  local operation, run, claim = unpack(ARGV, at, at + 2)
  local due = held_by(run, claim)
  if due then
    redis.call('ZREM', ready_of(operation), due .. run)
    redis.call('ZADD', waiting_of(operation), ends, due .. run)
  end
  answer[#answer + 1] = due and 1 or 0
end
return answer
