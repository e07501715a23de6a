-- Makes entries wait that are still held by the claim they were handed out under.
--
-- KEYS    as queue.lua
-- ARGV    how long, in microseconds; then each delivery: the place of its operation, run, claim
-- Answer  for each delivery 1 where the entry waits now, 0 where the claim is not the entry's any more

local answer, ends = {}, text(later(clock(), ARGV[1]))
for place, member in ipairs(held_from(2)) do
  local operation = ARGV[place * 3 - 1]
  if member then
    lose(ready_of(operation), member)
    gain(waiting_of(operation), ends, member)
  end
  answer[place] = member and 1 or 0
end
settle()
return answer
