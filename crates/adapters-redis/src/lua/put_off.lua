-- Puts off queued runs whose authority could not be read (G6), and gives up on those put off for too
-- long.
--
-- KEYS    as run.lua, 8 the marker; then each run
-- ARGV    the store's id, the first wait, the longest, the age to give up at; then of each its id, and why
-- Answer  of each `waiting`, since when and until when; `gave_up`; or `not_queued`

local FIRST = 9
local first, longest, give_up = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
-- Without its marker a store has no authority, which is what puts runs off.
local marked, sealed = is_marker(KEYS[8], ARGV[1])
if marked then
  refuse_sealed(sealed)
end
local now = clock()

local function put_off(key, id, cause)
  local run, problem = read(key, 'undecided_since')
  if not run then
    return absent(problem, {'not_queued'})
  elseif run.status ~= 'queued' then
    return {'not_queued'}
  end
  local since = tonumber(run.undecided_since or now)
  if not since then
    return {'corrupt', '`' .. key .. '` does not say since when it is undecided'}
  end
  -- As `UndecidedPolicy::wait_at`.
  local age = math.max(now - since, 0)
  if age >= give_up then
    complete(key, id, run, now, 'failed', 'undecided_since', text(since),
      'failure_code', 'authority_unavailable', 'failure_message', cause)
    return {'gave_up'}
  end
  local until_ = later(now, math.min(math.max(age, first), longest))
  redis.call('HSET', key, 'undecided_since', text(since), 'put_off_until', text(until_))
  return {'waiting', text(since), text(until_)}
end

local answers = {}
for place = FIRST, #KEYS do
  local number = place - FIRST
  answers[number + 1] = put_off(KEYS[place], unpack(ARGV, number * 2 + 5, number * 2 + 6))
end
settle()
return answers
