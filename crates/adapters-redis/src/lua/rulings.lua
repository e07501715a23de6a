-- The rulings that runs of a workspace were begun under: each is kept once, for all runs that share it, under a number;
-- and beside it, how many runs those are.

local last_ruling = tonumber(redis.call('HGET', RULINGS, 'last') or '0')
if not last_ruling then
  corrupt(RULINGS, 'does not say how many rulings it holds')
end

-- Makes sure of as many numbers as there may be new rulings, before anything is written.
local function expect_no_rulings_beyond(many)
  for place = 1, many do
    if redis.call('HEXISTS', RULINGS, text(last_ruling + place)) == 1 then
      corrupt(RULINGS, 'holds a ruling that was not made yet')
    end
  end
end

-- Keeps a ruling, and answers with its number.
local function keep_ruling(record)
  last_ruling = last_ruling + 1
  redis.call('HSET', RULINGS, 'last', text(last_ruling), text(last_ruling), record)
  return text(last_ruling)
end

-- Keeps how many runs share each ruling, given as numbers and counts by turns.
local function keep_uses(uses)
  for place = 1, #uses, 2 do
    uses[place] = 'runs:' .. uses[place]
  end
  if #uses > 0 then
    redis.call('HSET', RULINGS, unpack(uses))
  end
end

-- Takes runs off rulings, given as a count by each number. One that no run is left of goes.
local function release_rulings(uses)
  local left, unused = {}, {}
  for number, released in pairs(uses) do
    local field = 'runs:' .. number
    local count = tonumber(redis.call('HGET', RULINGS, field) or '')
    if count and count > released then
      left[#left + 1] = field
      left[#left + 1] = text(count - released)
    elseif count then
      unused[#unused + 1] = field
      unused[#unused + 1] = number
    end
  end
  if #left > 0 then
    redis.call('HSET', RULINGS, unpack(left))
  end
  if #unused > 0 then
    redis.call('HDEL', RULINGS, unpack(unused))
  end
end
