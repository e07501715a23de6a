-- Makes the marker of a workspace's slot say what the store's is about to say.
--
-- KEYS    marker of the workspace
-- ARGV    store id, the number of the step, why the store is closed (empty: it is open), the move that fills it (empty:
--         none), and whether the workspace is only being opened, and may have no marker yet
-- Answer  nothing
--
-- A marker that was lost stays lost: without it nothing starts there.

local MARKER = KEYS[1]
local STORE, STEP, WHY, MOVEMENT, IS_OPENING = unpack(ARGV)

if not expect(MARKER, 'hash') then
  if IS_OPENING ~= '1' then
    return false
  end
  redis.call('HSET', MARKER, 'id', STORE)
end
require_marker(MARKER, STORE)
local taken = tonumber(redis.call('HGET', MARKER, 'step') or '0')
if not taken then
  corrupt(MARKER, 'does not say how many steps were taken')
elseif taken >= tonumber(STEP) then
  return false
end
redis.call('HSET', MARKER, 'step', STEP)
for field, value in pairs({sealed = WHY, filling = MOVEMENT}) do
  if value ~= '' then
    redis.call('HSET', MARKER, field, value)
  else
    redis.call('HDEL', MARKER, field)
  end
end
return false
