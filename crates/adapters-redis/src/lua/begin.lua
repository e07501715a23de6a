-- The fence (G2): nothing else runs between comparing a revision and moving what is still queued.
--
-- KEYS    as run.lua, 8 the marker; then the scopes of all fences; then each run, in the order of the rulings
-- ARGV    the store's id, the number of scopes, that of rulings; of each ruling: `fenced`, `bounded` or
--         `moved`, the places of its scopes and their revisions, when it lapses or the bound passes (or
--         nothing), whether it allows, record, length of the lease, what it was ruled on as the second line of a run,
--         and how many runs follow under it; then of each run what it becomes after the times: lease, limit and
--         decision of one that starts, reason and decision of one that is blocked
-- Answer  of each `started` or `blocked`, a tab and the time; `moved`; or `not_queued`

local marked, sealed = is_marker(KEYS[8], ARGV[1])
if marked then
  refuse_sealed(sealed)
end
-- The clock is read where nothing can come between.
local now = clock()
local SCOPES = tonumber(ARGV[2])
local FIRST, RULING = 9 + SCOPES, 8

local revisions = {}
for place = 1, SCOPES do
  expect(KEYS[8 + place], 'hash')
  local scope = redis.call('HMGET', KEYS[8 + place], 'counter', 'nonce')
  revisions[place] = scope[1] and scope[2] and scope[1] .. '-' .. scope[2]
end

expect_no_rulings_beyond(tonumber(ARGV[3]))

-- Whether every scope of a fence, of which there is one at least, has the revision that it had.
local function stands(fence)
  local compared = 0
  for place, fenced in string.gmatch(fence, '(%d+):(%S+)') do
    if revisions[tonumber(place)] ~= fenced then
      return false
    end
    compared = compared + 1
  end
  return compared > 0
end

local function is_current(kind, fence, ends)
  if not marked then
    return false
  elseif kind == 'fenced' then
    return stands(fence) and (ends == '' or now < tonumber(ends))
  end
  return kind == 'bounded' and now <= tonumber(ends)
end

-- The number of a ruling, which is kept before the first run that it moves (G4).
local function number_of(ruling)
  ruling.number = ruling.number or keep_ruling(ruling.record)
  ruling.uses = ruling.uses + 1
  return ruling.number
end

-- A run of which there is more, or that is not what it should be.
local function begin(key, ruling, becomes)
  local barred = 'barred:' .. becomes:match('[^\t]+$')
  local run, problem = read(key, 'undecided_since', 'put_off_until', barred)
  if not run then
    return absent(problem, {'not_queued'})
  elseif run.status ~= 'queued' or run[barred] then
    return {'not_queued'}
  elseif run.asked ~= ruling.asked then
    -- G8: what was ruled on another question starts nothing.
    return {'corrupt', '`' .. key .. '` asks for something else than was ruled on'}
  end
  -- Authority could be read: the run is no longer undecided (G6).
  if run.undecided_since or run.put_off_until then
    redis.call('HDEL', run.more, 'undecided_since', 'put_off_until')
    run.has_more = redis.call('EXISTS', run.more) == 1
    advance(run, 'queued', '')
  end
  if not ruling.is_current then
    return {'moved'}
  elseif not ruling.is_allowed then
    complete(run, now, 'blocked', {}, '\t' .. becomes .. '\t' .. number_of(ruling))
    return ruling.answer
  end
  advance(run, 'running', ruling.times .. becomes .. '\t' .. number_of(ruling))
  leave(QUEUED, run.id)
  enter(RUNNING, ruling.lease_until, run.id)
  return ruling.answer
end

local function ruling_at(at)
  local kind, fence, ends, allowed, record, lease, asked, runs = unpack(ARGV, at, at + RULING - 1)
  local lease_until = text(later(now, lease))
  return {
    is_current = is_current(kind, fence, ends), is_allowed = allowed == '1', record = record, asked = asked,
    runs = tonumber(runs), uses = 0, lease_until = lease_until,
    times = '\t' .. text(now) .. '\t' .. lease_until .. '\t',
    plain = 'queued\t-\n' .. asked .. '\n', from = #asked + 11,
    answer = (allowed == '1' and 'started\t' or 'blocked\t') .. text(now),
  }
end

-- What a run's third line is, with nothing taken out of it: that costs more than to look.
local WELL_SETTLED = SETTLED:gsub('[()]', '')

local found, answers, place = redis.call('MGET', unpack(KEYS, FIRST)), {}, 0
local rulings, at = {}, 4
for number = 1, tonumber(ARGV[3]) do
  rulings[number] = ruling_at(at)
  at = at + RULING
end
local find, sub = string.find, string.sub
local queued, running = index_losses(QUEUED), index_gains(RUNNING)
for _, ruling in ipairs(rulings) do
  local plain, from, times, answer = ruling.plain, ruling.from, 'running\t-' .. ruling.times, ruling.answer
  for _ = 1, ruling.runs do
    place = place + 1
    local key, text, becomes = KEYS[FIRST + place - 1], found[place], ARGV[at]
    at = at + 1
    -- Most runs are queued, and nothing else.
    local is_plain = text and find(text, plain, 1, true) == 1 and find(text, WELL_SETTLED, from)
    if is_plain and not ruling.is_current then
      answers[place] = 'moved'
    elseif is_plain and ruling.is_allowed then
      local id, many = sub(key, -36), #finals
      finals[many + 1] = key
      finals[many + 2] = times .. becomes .. '\t' .. number_of(ruling) .. sub(text, 9)
      queued[#queued + 1] = id
      running[#running + 1] = ruling.lease_until
      running[#running + 1] = id
      answers[place] = answer
    else
      answers[place] = begin(key, ruling, becomes)
    end
  end
end
local uses = {}
for _, ruling in ipairs(rulings) do
  if ruling.number then
    uses[#uses + 1] = ruling.number
    uses[#uses + 1] = ruling.uses
  end
end
keep_uses(uses)
settle()
return answers
