-- Removes entries from a queue that are still held by the claim they were handed out under.
--
-- KEYS    as queue.lua
-- ARGV    each delivery: the place of its operation, run, claim
-- Answer  for each delivery 1 where the entry was removed, 0 where the claim is not the entry's any more

local answer, seen = {}, {}
for place, member in ipairs(held_from(1)) do
  local operation, run = ARGV[place * 3 - 2], ARGV[place * 3 - 1]
  if member and not seen[run] then
    seen[run] = true
    lose(ENTRIES, run)
    lose(waiting_of(operation), member)
    -- A claim that has ended may have been made ready, though nobody else has it.
    lose(ready_of(operation), member)
    answer[place] = 1
  else
    answer[place] = 0
  end
end
settle()
return answer
