-- The first step of changes in a cluster: changes the directory, and writes down what is asked of the slices, each
-- of which is in a slot of its own. One intent at a time: each has a number, greater than those of all before it.
--
-- KEYS    as directory.lua
-- ARGV    as directory.lua, a JSON object of the workspaces whose slots are known to be fit and
--         the number of the last intent that each has seen; then each change, as `make` takes it
-- Answer  `unfinished`, where another intent is; `touches` and all workspaces concerned, where one of them is not
--         known to be fit; or `intended`, and the number in the log that the first change will have
--
-- Nothing is written before everything was looked at.

local FIT = cjson.decode(ARGV[4])

require_open(MARKER, ARGV[1])
if get(INTENT, 'seed') then
  return {'unfinished'}
end
local now, first = text(clock()), last_logged(LOG) + 1

-- A directory that lost its last intents must not give their numbers again.
local version = tonumber(get(INTENT, 'version') or '0')
if not version then
  corrupt(INTENT, 'does not say which was the last')
end

local slots, are_fit = {}, true
for at = 5, #ARGV do
  local number = at - 4
  local by, said = make(ARGV[at])
  set(INTENT, 'entry:' .. number, cjson.encode({by, said}))
  for workspace, orders in pairs(asked) do
    slots[workspace] = slots[workspace] or {}
    table.insert(slots[workspace], {number, orders})
    if FIT[workspace] then
      version = math.max(version, FIT[workspace])
    else
      are_fit = false
    end
  end
end
if not are_fit then
  local answer = {'touches'}
  for workspace in pairs(slots) do
    answer[#answer + 1] = workspace
  end
  return answer
end

for workspace, changes in pairs(slots) do
  set(INTENT, 'slot:' .. workspace, cjson.encode(changes))
end
set(INTENT, 'version', text(version + 1))
set(INTENT, 'seed', SEED)
set(INTENT, 'at', now)
set(INTENT, 'first', text(first))
set(INTENT, 'changes', text(#ARGV - 4))
write_plan()
return {'intended', text(first)}
