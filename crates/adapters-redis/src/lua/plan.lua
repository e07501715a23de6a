-- A plan: what hashes are to hold, made up before any of it is written.
--
-- Redis does not roll back. Everything is read through the plan, and every key is looked at when it is first
-- needed; whatever is wrong ends the script before it has written anything.

-- How many arguments one command is given; Lua's stack holds no more than 8,000.
local AT_ONCE = 4000

-- Runs a command on a key, as often as its many arguments need.
local function in_parts(command, key, arguments)
  for from = 1, #arguments, AT_ONCE do
    redis.call(command, key, unpack(arguments, from, math.min(from + AT_ONCE - 1, #arguments)))
  end
end

-- Key to field to what it will hold, false for nothing; and the keys in the order they were met.
local plan, planned_keys = {}, {}

local function planned(key)
  local fields = plan[key]
  if not fields then
    expect(key, 'hash')
    fields = {}
    plan[key] = fields
    planned_keys[#planned_keys + 1] = key
  end
  return fields
end

local function get(key, field)
  local value = planned(key)[field]
  if value == nil then
    value = redis.call('HGET', key, field)
  end
  return value
end

local function set(key, field, value)
  planned(key)[field] = value
end

-- Every field of a hash and what it holds.
local function all(key)
  local fields, found = planned(key), {}
  local stored = redis.call('HGETALL', key)
  for at = 1, #stored, 2 do
    found[stored[at]] = stored[at + 1]
  end
  for field, value in pairs(fields) do
    found[field] = value or nil
  end
  return found
end

-- Adds to a number that is not there while it is zero.
local function count(key, field, by)
  local number = get(key, field) or '0'
  if not number:find('^%d+$') then
    corrupt(key, 'holds no number under `' .. field .. '`')
  end
  number = math.max(tonumber(number) + by, 0)
  set(key, field, number > 0 and text(number))
  return number
end

-- A field that holds a list: a name, a tab and a word each line.
local function list(key, field)
  local names, words = {}, {}
  for line in ((get(key, field) or '') .. '\n'):gmatch('(.-)\n') do
    local name, word = line:match('^([^\t]+)\t([^\t]*)$')
    if name then
      names[#names + 1] = name
      words[name] = word
    elseif line ~= '' then
      corrupt(key, 'holds no list under `' .. field .. '`')
    end
  end
  return names, words
end

-- Answers with how many there are.
local function set_list(key, field, names, words)
  local lines = {}
  for _, name in ipairs(names) do
    if words[name] then
      lines[#lines + 1] = name .. '\t' .. words[name]
    end
  end
  set(key, field, #lines > 0 and table.concat(lines, '\n'))
  return #lines
end

local function set_listed(key, field, name, word)
  local names, words = list(key, field)
  if not words[name] then
    names[#names + 1] = name
  end
  words[name] = word
  set_list(key, field, names, words)
end

-- Writes what was planned. Nothing is asked any more.
local function write_plan()
  for _, key in ipairs(planned_keys) do
    local kept, gone = {}, {}
    for field, value in pairs(plan[key]) do
      if value then
        kept[#kept + 1] = field
        kept[#kept + 1] = value
      else
        gone[#gone + 1] = field
      end
    end
    in_parts('HSET', key, kept)
    in_parts('HDEL', key, gone)
  end
end
