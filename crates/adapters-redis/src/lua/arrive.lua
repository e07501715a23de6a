-- Ends a step in a cluster, once every workspace's marker has followed.
--
-- KEYS    marker
-- ARGV    store id, the number of the step, and whether the store is open then
-- Answer  nothing

local MARKER = KEYS[1]
local STORE, STEP, IS_OPEN = unpack(ARGV)

require_marker(MARKER, STORE)
local next_home, step = unpack(redis.call('HMGET', MARKER, 'next', 'step'))
if next_home and step == STEP then
  redis.call('HSET', MARKER, 'home', next_home)
  redis.call('HDEL', MARKER, 'next')
  if IS_OPEN == '1' then
    redis.call('HDEL', MARKER, 'sealed')
  end
end
return false
