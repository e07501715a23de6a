-- Gives a workspace's slot its marker, or leaves the one that it bears.
--
-- KEYS    marker of the workspace
-- ARGV    store id; then as enlist.lua answered: after how many steps, why the store is closed, the move that fills it
-- Answer  nothing

local MARKER = KEYS[1]
local STORE, STEP, WHY, MOVEMENT = unpack(ARGV)

if not expect(MARKER, 'hash') then
  redis.call('HSET', MARKER, 'id', STORE, 'step', STEP)
  if WHY ~= '' then
    redis.call('HSET', MARKER, 'sealed', WHY)
  end
  if MOVEMENT ~= '' then
    redis.call('HSET', MARKER, 'filling', MOVEMENT)
  end
end
require_marker(MARKER, STORE)
return false
