-- The rulings that runs of a workspace were begun under: each is kept once, for all runs that share it, under a number.

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
