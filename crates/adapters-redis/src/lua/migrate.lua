-- Marks a database as a prepared store, or leaves the marker that it bears.
-- KEYS: store.   ARGV: a fresh id, this version.
-- Answer: the version that was found, or false.
expect(KEYS[1], 'hash')
local found = redis.call('HMGET', KEYS[1], 'id', 'version')
if not found[1] and not found[2] then
  redis.call('HSET', KEYS[1], 'id', ARGV[1], 'version', ARGV[2])
end
return found[2]
