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

-- Reads an entry: claim, order, due time, workspace. Nil where there is none, and where it does not read as
-- one: the run repository tells what is to be in the queue, and it is pushed again.
local function read(entry)
  return (entry or ''):match('^(%S+)\t(%-?%d+)\t(%x+)\t(.+)$')
end

local function entry_text(claim, order, due, workspace)
  return table.concat({claim, order, due, workspace}, '\t')
end

-- The due time of a run's entry, if it is still held by this claim.
local function held_by(run, claim)
  local holder, _, due = read(redis.call('HGET', ENTRIES, run))
  return holder == claim and due
end
