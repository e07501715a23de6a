-- Extends leases of running runs, and keeps what their renewal found (G7).
--
-- KEYS    as run.lua; then each run
-- ARGV    of each id, lease id, length of the lease, continuity, who cancels, why; nothing where not set
-- Answer  of each `held`, who cancelled and why; or `lost`

local FIRST, FIELDS = 8, 6
local now = clock()

local function renew(key, id, lease, length, continuity, cancel_by, cancel_reason)
  local run, problem = read(key, 'continuity', 'cancel_by', 'cancel_reason')
  if not run then
    return absent(problem, {'lost'})
  elseif run.status ~= 'running' or run.lease ~= lease then
    return {'lost'}
  end
  local until_ = text(later(now, length))
  redis.call('HSET', key, 'lease_until', until_)
  enter(RUNNING, until_, id)
  -- The first deny that was found and the first cancel flag stay.
  if continuity ~= '' and not run.continuity then
    redis.call('HSET', key, 'continuity', continuity)
  end
  if cancel_by ~= '' and not run.cancel_by then
    run.cancel_by, run.cancel_reason = cancel_by, optional(cancel_reason)
    redis.call('HSET', key, 'cancel_by', cancel_by)
    if run.cancel_reason then
      redis.call('HSET', key, 'cancel_reason', run.cancel_reason)
    end
  end
  return {'held', run.cancel_by or false, run.cancel_reason or false}
end

local answers = {}
for place = FIRST, #KEYS do
  local number = place - FIRST
  answers[number + 1] = renew(KEYS[place], unpack(ARGV, number * FIELDS + 1, number * FIELDS + FIELDS))
end
settle()
return answers
