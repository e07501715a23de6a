-- What changes ask of a workspace's slice, and the next revision of its scope.

local orders = {}

function orders.set(slice, field, value)
  set(slice, field, value)
end

function orders.put(slice, field, name, word)
  set_listed(slice, field, name, word)
end

function orders.drop(slice, field, name)
  local names, words = list(slice, field)
  words[name] = nil
  set_list(slice, field, names, words)
end

function orders.default(slice, field, value)
  if not get(slice, field) then
    set(slice, field, value)
  end
end

function orders.fill(slice, field, name, word)
  local _, words = list(slice, field)
  if words[name] == nil then
    set_listed(slice, field, name, word)
  end
end

-- Whether a slice has already what an order puts there, whatever it says.
local function is_there(slice, order)
  local kind, field, name = unpack(order, 1, 3)
  if kind ~= 'fill' then
    return get(slice, field) and true or false
  end
  local _, words = list(slice, field)
  return words[name] ~= nil
end

-- Plans what one change asks of a slice, in the words of directory.lua.
local function carry_out(slice, asked)
  for _, order in ipairs(asked) do
    orders[order[1]](slice, unpack(order, 2, #order))
  end
end

-- The revision that bears this number. Nobody can tell it before it is made.
local function revision_of(counter, workspace, seed)
  return text(counter), redis.sha1hex(seed .. ':' .. text(counter) .. ':' .. workspace):sub(1, 32)
end

-- How often a scope was raised; nothing was where it has no record. The slice bears the revision too: one without
-- the other is damage, which nobody may take for an absence of facts.
local function raised_so_far(scope, slice)
  local counter, nonce = get(scope, 'counter'), get(scope, 'nonce')
  local stamp = get(slice, 'revision')
  if not counter and not nonce and not stamp then
    return 0
  elseif not counter or not nonce or stamp ~= counter .. '-' .. nonce then
    corrupt(scope, 'and `' .. slice .. '` are not of one revision')
  elseif not counter:find('^[1-9]%d*$') or #counter > 15 or #nonce ~= 32 or nonce:find('%X') then
    corrupt(scope, 'holds no revision')
  end
  return tonumber(counter)
end

-- Plans the next revision of a scope, and answers with it.
local function raise(scope, slice, workspace, seed)
  local counter, nonce = revision_of(raised_so_far(scope, slice) + 1, workspace, seed)
  set(scope, 'counter', counter)
  set(scope, 'nonce', nonce)
  set(slice, 'revision', counter .. '-' .. nonce)
  return counter .. '-' .. nonce
end
