-- Stands for an office, or renews it.
--
-- KEYS    the offices
-- ARGV    the office, who stands, the length of the term
-- Answer  `holder` or `another`

expect(KEYS[1], 'hash')
local now = clock()
local found = redis.call('HGET', KEYS[1], ARGV[1])
local ends, holder = string.match(found or '', '^(%d+) (.*)$')
-- What does not read as a term is none that anybody holds.
if ends and holder ~= ARGV[2] and tonumber(ends) > now then
  return 'another'
end
redis.call('HSET', KEYS[1], ARGV[1], text(later(now, ARGV[3])) .. ' ' .. ARGV[2])
return 'holder'
