-- Marks a database as a prepared store, or leaves the marker that it bears.
--
-- KEYS    marker
-- ARGV    a fresh id, this version
-- Answer  the version that was found; nothing for an empty store

expect(KEYS[1], 'hash')
local id, version = unpack(redis.call('HMGET', KEYS[1], 'id', 'version'))
if not id and not version then
  redis.call('HSET', KEYS[1], 'id', ARGV[1], 'version', ARGV[2])
elseif not id or not version then
  corrupt(KEYS[1], 'is half a marker')
end
return version
