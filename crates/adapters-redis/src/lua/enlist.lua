-- Makes workspaces known to the directory, before anything of theirs is written.
--
-- KEYS    marker, workspaces; in a cluster those that are being opened
-- ARGV    store id, the move that fills the store (empty: it has to be open); then each workspace
-- Answer  what a marker of this store says: after how many steps of moves, why it is closed, the move that fills it;
--         then, in a cluster, those that have no marker of their own yet, or may have none

local MARKER, WORKSPACES, OPENING = unpack(KEYS)
local MOVEMENT, FIRST = ARGV[2], 3

if MOVEMENT == '' then
  require_open(MARKER, ARGV[1])
else
  require_filling(MARKER, ARGV[1], MOVEMENT)
end
expect(WORKSPACES, 'set')
local says = redis.call('HMGET', MARKER, 'step', 'sealed', 'filling')
local answer = {says[1] or '0', says[2] or '', says[3] or ''}
if not OPENING then
  redis.call('SADD', WORKSPACES, unpack(ARGV, FIRST))
  return answer
end

expect(OPENING, 'set')
local new = {}
for at = FIRST, #ARGV do
  if redis.call('SISMEMBER', WORKSPACES, ARGV[at]) == 0 then
    new[#new + 1] = ARGV[at]
    answer[#answer + 1] = ARGV[at]
  end
end
if #new > 0 then
  redis.call('SADD', OPENING, unpack(new))
end
return answer
