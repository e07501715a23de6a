-- Puts off queued runs whose authority could not be read (G6), and gives up on those put off for too
-- long.
--
-- KEYS    as run.lua, 8 the marker; then each run, and what more there is of it
-- ARGV    the store's id, the first wait, the longest, the age to give up at; then of each why
-- Answer  of each `waiting`, since when and until when; `gave_up`; or `not_queued`

local FIRST = 9
local first, longest, give_up = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
-- Without its marker a store has no authority, which is what puts runs off.
local marked, sealed = is_marker(KEYS[8], ARGV[1])
if marked then
  refuse_sealed(sealed)
end
local now = clock()

local function put_off(key, cause)
  local run, problem = read(key, 'undecided_since')
  if not run then
    return absent(problem, {'not_queued'})
  elseif run.status ~= 'queued' then
    return {'not_queued'}
  end
  local since = tonumber(run.undecided_since or now)
  if not since then
    return {'corrupt', '`' .. run.more .. '` does not say since when its run is undecided'}
  end
  -- As `UndecidedPolicy::wait_at`.
  local age = math.max(now - since, 0)
  if age >= give_up then
    complete(run, now, 'failed', {
      'undecided_since', text(since), 'failure_code', 'authority_unavailable', 'failure_message', cause,
    })
    return {'gave_up'}
  end
  local until_ = later(now, math.min(math.max(age, first), longest))
  keep_more(run, {'undecided_since', text(since), 'put_off_until', text(until_)})
  advance(run, 'queued', '')
  return {'waiting', text(since), text(until_)}
end

local answers = {}
for place = FIRST, #KEYS, 2 do
  local number = (place - FIRST) / 2
  answers[number + 1] = put_off(KEYS[place], ARGV[number + 5])
end
settle()
return answers
