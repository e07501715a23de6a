-- What every script begins with.
--
-- Numbers of Lua are exact to 2^53: times in microseconds until the year 2255.

-- The latest time that can be stored, in microseconds.
local LATEST = 253402207200000000

-- Ends the script: a key holds what no script writes.
local function corrupt(key, problem)
  error({err = 'CORRUPT `' .. key .. '` ' .. problem})
end

-- Ends the script unless the key is missing or of this type: asked of every key before the first write.
local function expect(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then
    corrupt(key, 'is a ' .. found .. ', expected a ' .. kind)
  end
  return found ~= 'none'
end

-- A whole number as text.
local function text(number)
  return string.format('%.0f', number)
end

-- The server's clock, in microseconds.
local function clock()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- A time so many microseconds later, stopping at the latest.
local function later(time, micros)
  return math.min(time + tonumber(micros), LATEST)
end

-- Whether the key is the marker of this store; and why the store is sealed, if it is.
local function is_marker(key, store)
  local marker = expect(key, 'hash') and redis.call('HMGET', key, 'id', 'sealed') or {}
  return marker[1] == store, marker[2]
end

-- Ends the script in a store that is sealed: it moves house, and nothing may start or change there.
local function refuse_sealed(why)
  if why then
    error({err = 'SEALED ' .. why})
  end
end

-- Ends the script unless the key is the marker of this store. Answers with why the store is sealed, if it is.
local function require_marker(key, store)
  local is_ours, why = is_marker(key, store)
  if not is_ours then
    error({err = 'UNMARKED `' .. key .. '` is not the marker of this store'})
  end
  return why
end

-- Ends the script unless the key is the marker of this store, and the store is open.
local function require_open(key, store)
  refuse_sealed(require_marker(key, store))
end

-- Ends the script unless the key is the marker of this store, and this move fills the store.
local function require_filling(key, store, movement)
  local why = require_marker(key, store)
  if redis.call('HGET', key, 'filling') ~= movement then
    refuse_sealed('move `' .. movement .. '` does not fill this store: ' .. (why or 'the store is open'))
  end
end
