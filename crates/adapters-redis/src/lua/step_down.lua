-- Gives an office up, if this holder has it.
--
-- KEYS    the offices
-- ARGV    the office, its holder
-- Answer  nothing

expect(KEYS[1], 'hash')
local found = redis.call('HGET', KEYS[1], ARGV[1])
if found and string.match(found, '^%d+ (.*)$') == ARGV[2] then
  redis.call('HDEL', KEYS[1], ARGV[1])
end
return 'OK'
