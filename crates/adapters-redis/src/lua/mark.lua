-- Gives a workspace's slot its marker, or leaves the one that it bears.
--
-- KEYS    marker of the workspace
-- ARGV    store id
-- Answer  nothing

if not expect(KEYS[1], 'hash') then
  redis.call('HSET', KEYS[1], 'id', ARGV[1])
end
require_marker(KEYS[1], ARGV[1])
return false
