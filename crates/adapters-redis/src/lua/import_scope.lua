-- Imports a scope at its revision, and leaves one that is there.
--
-- KEYS    marker, scope, slice
-- ARGV    store id, the move, counter, nonce
-- Answer  1 where it was there, 0 where it was not

local MARKER, SCOPE, SLICE = unpack(KEYS)
local COUNTER, NONCE = ARGV[3], ARGV[4]

require_filling(MARKER, ARGV[1], ARGV[2])
if raised_so_far(SCOPE, SLICE) > 0 then
  return 1
end
set(SCOPE, 'counter', COUNTER)
set(SCOPE, 'nonce', NONCE)
set(SLICE, 'revision', COUNTER .. '-' .. NONCE)
write_plan()
return 0
