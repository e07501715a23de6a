-- Makes entries wait that are still held by the claim they were handed out under.
--
-- KEYS    as queue.lua
-- ARGV    how long, in microseconds; then each delivery: the place of its operation, run, claim
-- Answer  for each delivery 1 where the entry waits now, 0 where the claim is not the entry's any more

local answer, ends = {}, text(later(clock(), ARGV[1]))
for place, due in ipairs(held_from(2)) do
  local operation, run = ARGV[place * 3 - 1], ARGV[place * 3]
  if due then
    lose(ready_of(operation), due .. run)
    gain(waiting_of(operation), ends, due .. run)
  end
  answer[place] = due and 1 or 0
end
settle()
return answer
