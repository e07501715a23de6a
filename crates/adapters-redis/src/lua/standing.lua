-- Reads where the store stands in a move.
--
-- KEYS    marker; in a cluster the workspaces that are being opened, and those that are
-- ARGV    store id
-- Answer  where it stands (nothing: nobody ever moved it). In a cluster then, while the workspaces' markers do not all
--         say so yet, where it is to stand, the number of that step, and the two lists of workspaces

local MARKER, OPENING, WORKSPACES = unpack(KEYS)

require_marker(MARKER, ARGV[1])
local home, next_home, step = unpack(redis.call('HMGET', MARKER, 'home', 'next', 'step'))
if not next_home then
  return {home}
end
expect(OPENING, 'set')
expect(WORKSPACES, 'set')
return {home, next_home, step, redis.call('SMEMBERS', OPENING), redis.call('SMEMBERS', WORKSPACES)}
