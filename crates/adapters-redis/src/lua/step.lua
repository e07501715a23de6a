-- Takes a step of a move, if the store stands where it was seen to stand.
--
-- On one server that is all: whatever looks at the marker finds it. In a cluster workspaces have markers of their own.
-- The directory is closed here, where the step closes; the markers follow, and only then does the store stand there.
--
-- KEYS    marker; then every key that an empty store does not have
-- ARGV    store id, where it was seen (empty: nobody ever moved it), where it is to stand, why it is closed then (empty:
--         it is open), the move that fills it then (empty: none), whether it has to be empty, and whether workspaces
--         have markers of their own
-- Answer  `stands`; `stands_elsewhere`; or `not_empty`

local MARKER = KEYS[1]
local STORE, SEEN, NEXT, WHY, MOVEMENT, IS_TO_BE_EMPTY, IS_IN_SLOTS = unpack(ARGV)

require_marker(MARKER, STORE)
local home, unfinished, step = unpack(redis.call('HMGET', MARKER, 'home', 'next', 'step'))
if unfinished or (home or '') ~= SEEN then
  return 'stands_elsewhere'
elseif IS_TO_BE_EMPTY == '1' and redis.call('EXISTS', unpack(KEYS, 2)) > 0 then
  return 'not_empty'
end
step = tonumber(step or '0')
if not step then
  corrupt(MARKER, 'does not say how many steps were taken')
end

redis.call('HSET', MARKER, 'step', text(step + 1), IS_IN_SLOTS == '1' and 'next' or 'home', NEXT)
if WHY ~= '' then
  redis.call('HSET', MARKER, 'sealed', WHY)
elseif IS_IN_SLOTS ~= '1' then
  redis.call('HDEL', MARKER, 'sealed')
end
if MOVEMENT ~= '' then
  redis.call('HSET', MARKER, 'filling', MOVEMENT)
else
  redis.call('HDEL', MARKER, 'filling')
end
return 'stands'
