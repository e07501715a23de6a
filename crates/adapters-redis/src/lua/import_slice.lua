-- Imports facts into a workspace's slice, where it is in a slot of its own.
--
-- KEYS    marker of the workspace, slice
-- ARGV    store id, the move, and what import_facts.lua asks: a JSON array, of each fact its number and its orders
-- Answer  of each fact its number, and 1 where it was there or 0

local MARKER, SLICE = unpack(KEYS)

require_filling(MARKER, ARGV[1], ARGV[2])
local answer = {}
for _, fact in ipairs(cjson.decode(ARGV[3])) do
  answer[#answer + 1] = fact[1]
  answer[#answer + 1] = is_there(SLICE, fact[2][1]) and 1 or 0
  carry_out(SLICE, fact[2])
end
write_plan()
return answer
