-- Makes the record of a scope that has none, and the slice that goes with it.
--
-- KEYS    marker, scope, slice
-- ARGV    store id, nonce
-- Answer  nothing

local MARKER, SCOPE, SLICE = unpack(KEYS)

require_open(MARKER, ARGV[1])
expect(SCOPE, 'hash')
expect(SLICE, 'hash')
-- Where there is either, somebody was first, or the other one was lost; nothing here tells which.
if redis.call('HEXISTS', SCOPE, 'counter') + redis.call('HEXISTS', SCOPE, 'nonce')
    + redis.call('HEXISTS', SLICE, 'revision') == 0 then
  redis.call('HSET', SCOPE, 'counter', '1', 'nonce', ARGV[2])
  redis.call('HSET', SLICE, 'revision', '1-' .. ARGV[2])
end
return false
