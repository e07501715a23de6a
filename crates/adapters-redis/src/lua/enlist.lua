-- Makes workspaces known to the directory, before anything of theirs is written.
--
-- KEYS    marker, workspaces, those that are being opened
-- ARGV    store id; then each workspace
-- Answer  those that have no marker of their own yet, or may have none

local MARKER, WORKSPACES, OPENING = unpack(KEYS)

require_open(MARKER, ARGV[1])
expect(WORKSPACES, 'set')
expect(OPENING, 'set')
local new = {}
for at = 2, #ARGV do
  if redis.call('SISMEMBER', WORKSPACES, ARGV[at]) == 0 then
    new[#new + 1] = ARGV[at]
  end
end
if #new > 0 then
  redis.call('SADD', OPENING, unpack(new))
end
return new
