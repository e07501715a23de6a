-- Imports the numbers of the entries of the log that concern a workspace.
--
-- KEYS    marker, the workspace's log
-- ARGV    store id, the move; then each number
-- Answer  nothing

local MARKER, LOG = unpack(KEYS)

require_filling(MARKER, ARGV[1], ARGV[2])
expect(LOG, 'zset')
local numbers = {}
for at = 3, #ARGV do
  numbers[#numbers + 1] = ARGV[at]
  numbers[#numbers + 1] = ARGV[at]
end
redis.call('ZADD', LOG, unpack(numbers))
return false
