-- What scripts about a queue share.
--
-- KEYS: entries; then of each operation: ready, waiting.
--
-- An entry is a run's claim, order, due time and workspace, with a tab between them. It has one place: `ready`,
-- in the order of the queue, or `waiting`, by the time at which it is to be ready again. Both hold its due
-- time, as 16 hexadecimal digits, and its run.

local ENTRIES = KEYS[1]

expect(ENTRIES, 'hash')
for place = 2, #KEYS do
  expect(KEYS[place], 'zset')
end

local function ready_of(operation)
  return KEYS[2 * operation]
end

local function waiting_of(operation)
  return KEYS[2 * operation + 1]
end

-- Reads an entry: claim, what else it says, and of that order, due time and workspace. Nil where there is none, and
-- where it does not read as one: the run repository tells what is to be in the queue, and it is pushed again.
local function read(entry)
  if entry then
    return entry:match('^(%S+)\t((%-?%d+)\t(%x+)\t(.+))$')
  end
end

-- The entries of some runs, as they are.
local function entries_of(runs)
  return #runs > 0 and redis.call('HMGET', ENTRIES, unpack(runs)) or {}
end

-- What keys are to gain and to lose, written once for each: gains first, as one that was emptied is gone.
local gains, losses = {}, {}

local function gain(key, one, other)
  local gained = gains[key] or {}
  gains[key] = gained
  gained[#gained + 1] = one
  gained[#gained + 1] = other
end

local function lose(key, member)
  local lost = losses[key] or {}
  losses[key] = lost
  lost[#lost + 1] = member
end

local function settle()
  for key, gained in pairs(gains) do
    redis.call(key == ENTRIES and 'HSET' or 'ZADD', key, unpack(gained))
  end
  for key, lost in pairs(losses) do
    redis.call(key == ENTRIES and 'HDEL' or 'ZREM', key, unpack(lost))
  end
  gains, losses = {}, {}
end

-- Deliveries, each the place of its operation, run and claim, from an argument on: how those that are still held by
-- their claim are named in `ready` and `waiting`, false of the others.
local function held_from(first)
  local runs, held = {}, {}
  for at = first, #ARGV, 3 do
    runs[#runs + 1] = ARGV[at + 1]
  end
  for place, entry in ipairs(entries_of(runs)) do
    local claim = ARGV[first + place * 3 - 1] .. '\t'
    local due = entry and entry:find(claim, 1, true) == 1 and entry:match('^%-?%d+\t(%x+)\t.', #claim + 1)
    held[place] = due and due .. runs[place] or false
  end
  return held
end
