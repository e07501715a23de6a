-- Extends leases of running runs, and keeps what their renewal found (G7).
--
-- KEYS    as run.lua; then each run, and what more there is of it
-- ARGV    of each lease id, length of the lease, continuity, who cancels, why; nothing where not set
-- Answer  of each `held`, who cancelled and why; or `lost`

local FIRST, FIELDS = 8, 5
local now = clock()

local function renew(key, lease, length, continuity, cancel_by, cancel_reason)
  local run, problem = read(key, 'continuity', 'cancel_by', 'cancel_reason')
  if not run then
    return absent(problem, {'lost'})
  elseif run.status ~= 'running' or run.lease ~= lease then
    return {'lost'}
  end
  local until_, fields = text(later(now, length)), {}
  -- The first deny that was found and the first cancel flag stay.
  if continuity ~= '' and not run.continuity then
    fields = {'continuity', continuity}
  end
  if cancel_by ~= '' and not run.cancel_by then
    run.cancel_by, run.cancel_reason = cancel_by, optional(cancel_reason)
    fields[#fields + 1] = 'cancel_by'
    fields[#fields + 1] = cancel_by
    if run.cancel_reason then
      fields[#fields + 1] = 'cancel_reason'
      fields[#fields + 1] = run.cancel_reason
    end
  end
  keep_more(run, fields)
  local started, rest = run.start:match('^(\t%-?%d+)\t%-?%d+(\t.+)$')
  advance(run, 'running', started .. '\t' .. until_ .. rest)
  enter(RUNNING, until_, run.id)
  return {'held', run.cancel_by or false, run.cancel_reason or false}
end

local answers = {}
for place = FIRST, #KEYS, 2 do
  local number = (place - FIRST) / 2
  answers[number + 1] = renew(KEYS[place], unpack(ARGV, number * FIELDS + 1, number * FIELDS + FIELDS))
end
settle()
return answers
