-- Hands out the first entries that are ready, over several operations of one queue, and makes them wait
-- until their claim ends.
--
-- KEYS    as queue.lua
-- ARGV    claim, limit, how long the claim lasts in microseconds
-- Answer  in how many microseconds the next waiting entry is to be ready, if there is one; then of each
--         entry handed out the place of its operation, and its run and workspace as one text

local CLAIM, LIMIT, LASTS = ARGV[1] .. '\t', tonumber(ARGV[2]), ARGV[3]

-- How many waiting entries of an operation are made ready at the most.
local WAKE_AT_ONCE = 1000

local now = clock()

-- Calls `use` for each member that has an entry: with its place among them, its run, and what its entry says besides
-- the claim, of that the order and the workspace. What does not read as an entry is thrown away.
local function each_entry(members, use)
  local runs = {}
  for place, member in ipairs(members) do
    runs[place] = member:sub(17)
  end
  for place, entry in ipairs(entries_of(runs)) do
    local run, member = runs[place], members[place]
    local claim, rest, order, due, workspace = read(entry)
    if claim and #due == 16 and member:find(due, 1, true) == 1 then
      use(place, run, rest, order, workspace)
    else
      lose(ENTRIES, run)
    end
  end
end

local function wake(operation)
  local ready, waiting = ready_of(operation), waiting_of(operation)
  local members = redis.call('ZRANGEBYSCORE', waiting, '-inf', text(now), 'LIMIT', 0, WAKE_AT_ONCE)
  for _, member in ipairs(members) do
    lose(waiting, member)
  end
  each_entry(members, function(place, _, _, order)
    gain(ready, order, members[place])
  end)
  settle()
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

-- The first members over all operations, and the operation of each.
local function first_ready(limit)
  local heads, members, operations = {}, {}, {}
  for operation = 1, (#KEYS - 1) / 2 do
    local found = redis.call('ZRANGE', ready_of(operation), 0, limit - 1, 'WITHSCORES')
    if #found > 0 then
      heads[#heads + 1] = {operation = operation, found = found, at = 1}
    end
  end
  while #members < limit and #heads > 0 do
    local first = 1
    for at = 2, #heads do
      local one, other = heads[at], heads[first]
      local order, least = tonumber(one.found[one.at + 1]), tonumber(other.found[other.at + 1])
      if order < least or order == least and is_before(one.found[one.at], other.found[other.at]) then
        first = at
      end
    end
    local head = heads[first]
    members[#members + 1] = head.found[head.at]
    operations[#operations + 1] = head.operation
    head.at = head.at + 2
    if head.at > #head.found then
      table.remove(heads, first)
    end
  end
  return members, operations
end

for operation = 1, (#KEYS - 1) / 2 do
  wake(operation)
end

local answer, given, ends = {false}, 0, text(later(now, LASTS))
repeat
  local members, operations = first_ready(LIMIT - given)
  for place, member in ipairs(members) do
    lose(ready_of(operations[place]), member)
  end
  each_entry(members, function(place, run, rest, _, workspace)
    gain(ENTRIES, run, CLAIM .. rest)
    gain(waiting_of(operations[place]), ends, members[place])
    answer[#answer + 1] = operations[place]
    answer[#answer + 1] = run .. workspace
    given = given + 1
  end)
  settle()
until #members == 0 or given == LIMIT

local next_at
for operation = 1, (#KEYS - 1) / 2 do
  local first = redis.call('ZRANGE', waiting_of(operation), 0, 0, 'WITHSCORES')
  if first[2] and (not next_at or tonumber(first[2]) < next_at) then
    next_at = tonumber(first[2])
  end
end
answer[1] = next_at and text(math.max(next_at - now, 0)) or false
return answer
