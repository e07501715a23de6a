-- Reads runs together with what more there is of them, at one moment.
--
-- KEYS    each run, and the hash of what more there is of it
-- Answer  of each its text, or nothing; and the fields and values of the hash, or what is wrong with either key

local answers = {}

-- What a key holds; or what is wrong with it.
local function held(command, key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then
    return nil, '`' .. key .. '` is a ' .. found .. ', expected a ' .. kind
  end
  return redis.call(command, key)
end

for place = 1, #KEYS, 2 do
  local text, problem = held('GET', KEYS[place], 'string')
  local fields, other = held('HGETALL', KEYS[place + 1], 'hash')
  answers[place], answers[place + 1] = text or false, problem or other or fields
end
return answers
