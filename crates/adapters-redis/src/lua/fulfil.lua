-- The second step of changes in a cluster: what an intent asks of one workspace, all of it or nothing, and once.
--
-- KEYS    marker of the workspace, scope, slice, log
-- ARGV    store id, workspace, number and seed of the intent, the number in the log of its first change; then its
--         changes, as intend.lua wrote them down
-- Answer  `fulfilled`, and of each change its place among all and the revision that it made; or `overtaken`, where
--         the slice has seen a later intent

local MARKER, SCOPE, SLICE, LOG = unpack(KEYS)
local WORKSPACE, VERSION, SEED, FIRST = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
local CHANGES = cjson.decode(ARGV[6])

require_marker(MARKER, ARGV[1])
expect(LOG, 'zset')
local version, before, seed = last_intent(SLICE)
local answer = {'fulfilled'}

local function made(change, counter, nonce)
  answer[#answer + 1] = change[1]
  answer[#answer + 1] = counter .. '-' .. nonce
end

if version > VERSION then
  return {'overtaken'}
elseif version == VERSION then
  if seed ~= SEED then
    corrupt(SLICE, 'has seen another intent of that number')
  end
  for place, change in ipairs(CHANGES) do
    made(change, revision_of(before + place, WORKSPACE, SEED))
  end
  return answer
end

before = raised_so_far(SCOPE, SLICE)
local numbers = {}
for place, change in ipairs(CHANGES) do
  carry_out(SLICE, change[2])
  raise(SCOPE, SLICE, WORKSPACE, SEED)
  made(change, revision_of(before + place, WORKSPACE, SEED))
  local number = text(FIRST + change[1] - 1)
  numbers[#numbers + 1] = number
  numbers[#numbers + 1] = number
end
set(SLICE, 'intent', text(VERSION) .. ' ' .. text(before) .. ' ' .. SEED)
write_plan()
in_parts('ZADD', LOG, numbers)
return answer
