-- Hands out the first entries that are ready, over several operations of one queue, and makes them wait
-- until their claim ends.
--
-- KEYS    as queue.lua
-- ARGV    claim, limit, how long the claim lasts in microseconds
-- Answer  in how many microseconds the next waiting entry is to be ready, if there is one; then of each
--         entry handed out the place of its operation, run, workspace

local CLAIM, LIMIT, LASTS = ARGV[1], tonumber(ARGV[2]), ARGV[3]

-- How many waiting entries of an operation are made ready at the most.
local WAKE_AT_ONCE = 1000

local operations = {}
for place = 1, (#KEYS - 1) / 2 do
  operations[place] = {ready = ready_of(place), waiting = waiting_of(place)}
end
local now = clock()

-- The entries of some members, with false where there is none. What does not read as one is thrown away.
local function entries_of(members)
  local runs = {}
  for at, member in ipairs(members) do
    runs[at] = member:sub(17)
  end
  local entries = redis.call('HMGET', ENTRIES, unpack(runs))
  for at, entry in ipairs(entries) do
    local _, order, due, workspace = read(entry)
    entries[at] = order and due == members[at]:sub(1, 16)
      and {run = runs[at], order = order, due = due, workspace = workspace}
    if not entries[at] then
      redis.call('HDEL', ENTRIES, runs[at])
    end
  end
  return entries
end

local function wake(operation)
  local members =
    redis.call('ZRANGEBYSCORE', operation.waiting, '-inf', text(now), 'LIMIT', 0, WAKE_AT_ONCE)
  if #members == 0 then
    return
  end
  local ready = {}
  for at, entry in ipairs(entries_of(members)) do
    if entry then
      ready[#ready + 1] = entry.order
      ready[#ready + 1] = members[at]
    end
  end
  redis.call('ZREM', operation.waiting, unpack(members))
  if #ready > 0 then
    redis.call('ZADD', operation.ready, unpack(ready))
  end
end

-- Byte for byte: Lua itself compares texts as the server's locale has it.
local function is_before(one, other)
  for at = 1, math.min(#one, #other) do
    local a, b = one:byte(at), other:byte(at)
    if a ~= b then
      return a < b
    end
  end
  return #one < #other
end

-- The first members over all operations, taken out of the ready ones.
local function take(limit)
  local heads, taken = {}, {}
  for place, operation in ipairs(operations) do
    local found = redis.call('ZRANGE', operation.ready, 0, limit - 1, 'WITHSCORES')
    if #found > 0 then
      heads[#heads + 1] = {place = place, found = found, at = 1}
    end
  end
  while #taken < limit and #heads > 0 do
    local first = 1
    for at = 2, #heads do
      local one, other = heads[at], heads[first]
      local order, least = tonumber(one.found[one.at + 1]), tonumber(other.found[other.at + 1])
      if order < least or order == least and is_before(one.found[one.at], other.found[other.at]) then
        first = at
      end
    end
    local head = heads[first]
    taken[#taken + 1] = {place = head.place, member = head.found[head.at]}
    head.at = head.at + 2
    if head.at > #head.found then
      table.remove(heads, first)
    end
  end
  for _, one in ipairs(taken) do
    redis.call('ZREM', operations[one.place].ready, one.member)
  end
  return taken
end

for _, operation in ipairs(operations) do
  wake(operation)
end

local answer, given, ends = {false}, 0, text(later(now, LASTS))
repeat
  local taken, members = take(LIMIT - given), {}
  for at, one in ipairs(taken) do
    members[at] = one.member
  end
  local entries = #members > 0 and entries_of(members) or {}
  for at, entry in ipairs(entries) do
    if entry then
      local held = entry_text(CLAIM, entry.order, entry.due, entry.workspace)
      redis.call('HSET', ENTRIES, entry.run, held)
      redis.call('ZADD', operations[taken[at].place].waiting, ends, members[at])
      answer[#answer + 1] = taken[at].place
      answer[#answer + 1] = entry.run
      answer[#answer + 1] = entry.workspace
      given = given + 1
    end
  end
until #taken == 0 or given == LIMIT

local next_at
for _, operation in ipairs(operations) do
  local first = redis.call('ZRANGE', operation.waiting, 0, 0, 'WITHSCORES')
  if first[2] and (not next_at or tonumber(first[2]) < next_at) then
    next_at = tonumber(first[2])
  end
end
answer[1] = next_at and text(math.max(next_at - now, 0)) or false
return answer
