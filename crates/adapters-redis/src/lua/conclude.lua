-- The last step of changes in a cluster: the log, once every slice has what it was asked for.
--
-- KEYS    marker, intent, log
-- ARGV    store id, number and seed of the intent, the number in the log of its first change; then of each change
--         the revisions that it made, as they are to be logged
-- Answer  `concluded`, now or by somebody else before; or `gone`, where the directory knows nothing of it

local MARKER, INTENT, LOG = unpack(KEYS)
local VERSION, SEED, FIRST = ARGV[2], ARGV[3], tonumber(ARGV[4])

require_marker(MARKER, ARGV[1])
expect(LOG, 'stream')
if get(INTENT, 'version') ~= VERSION or get(INTENT, 'seed') ~= SEED then
  local logged = redis.call('XRANGE', LOG, text(FIRST) .. '-0', text(FIRST) .. '-0')[1]
  local fields = logged and logged[2] or {}
  return fields[#fields - 1] == 'intent' and fields[#fields] == SEED and 'concluded' or 'gone'
end

local now, entries = get(INTENT, 'at'), {}
for at = 5, #ARGV do
  local entry = get(INTENT, 'entry:' .. at - 4)
  if not now or not entry then
    corrupt(INTENT, 'is not whole')
  end
  entries[at - 4] = cjson.decode(entry)
end
if last_logged(LOG) >= FIRST then
  corrupt(LOG, 'holds changes that nobody intended')
end
for field in pairs(all(INTENT)) do
  if field ~= 'version' then
    set(INTENT, field, false)
  end
end
write_plan()
for place, entry in ipairs(entries) do
  redis.call('XADD', LOG, text(FIRST + place - 1) .. '-0', 'at', now, 'by', entry[1], 'change', entry[2],
    'raised', ARGV[place + 4], 'intent', SEED)
end
return 'concluded'
