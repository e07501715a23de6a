-- Removes entries from a queue that are still held by the claim they were handed out under.
--
-- KEYS    as queue.lua
-- ARGV    each delivery: the place of its operation, run, claim
-- Answer  for each delivery 1 where the entry was removed, 0 where the claim is not the entry's any more

local answer = {}
for at = 1, #ARGV, 3 do
  local operation, run, claim = unpack(ARGV, at, at + 2)
  local due = held_by(run, claim)
  if due then
    redis.call('HDEL', ENTRIES, run)
    -- A claim that has ended may have been made ready, though nobody else has it.
    redis.call('ZREM', ready_of(operation), due .. run)
    redis.call('ZREM', waiting_of(operation), due .. run)
  end
  answer[#answer + 1] = due and 1 or 0
end
return answer
