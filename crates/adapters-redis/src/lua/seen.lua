-- The intent that a slice has seen last: its number, how often the scope had been raised before it, its seed. No
-- intent has the number zero.
local function last_intent(slice)
  local seen = get(slice, 'intent')
  if not seen then
    return 0
  end
  local version, before, seed = seen:match('^(%d+) (%d+) (%S+)$')
  if not version then
    corrupt(slice, 'does not say which intent it has seen')
  end
  return tonumber(version), tonumber(before), seed
end
