-- Imports runs of one workspace as they were elsewhere, and leaves those that are there.
--
-- KEYS    as run.lua, 8 the marker; then of each run itself and its context
-- ARGV    store id, the move, the number of rulings, each ruling; then of each run its id, its context, the place of its
--         ruling (0: none), how many fields and values it has, and those
-- Answer  of each 1 where it was there, 0 where it was not

local FIRST, MANY = 9, tonumber(ARGV[3])

require_filling(KEYS[8], ARGV[1], ARGV[2])
expect_no_rulings_beyond(MANY)

local function refuse(id, problem)
  error({err = 'CORRUPT the run `' .. id .. '` that is to be imported ' .. problem})
end

-- Everything is looked at first: what no run is (G1, G3, G4) is not imported either.
local runs, at = {}, 4 + MANY
for place = FIRST, #KEYS, 2 do
  local id, context, ruling, many = unpack(ARGV, at, at + 3)
  local run = {
    id = id, key = KEYS[place], context_key = KEYS[place + 1], context = context, ruling = tonumber(ruling),
    fields = {unpack(ARGV, at + 4, at + 3 + tonumber(many))},
  }
  at = at + 4 + tonumber(many)
  local known, problem = read(run.key)
  if problem then
    error({err = 'CORRUPT ' .. problem})
  end
  run.is_known = known ~= nil
  for field = 1, #run.fields, 2 do
    run[run.fields[field]] = run.fields[field + 1]
  end
  if not known then
    expect(run.context_key, 'string')
    problem = problem_of(run)
    if problem then
      refuse(id, problem)
    elseif (run.decision ~= nil) ~= (run.ruling > 0) then
      refuse(id, 'has a decision that is not whole')
    elseif run.outcome:find('succeeded', 1, true) and not run.started_at then
      refuse(id, 'has succeeded and never started')
    end
    local successor = run.retry_of and redis.call('HGET', SUCCESSORS, run.retry_of)
    if successor and successor ~= id then
      refuse(id, 'follows one that has another successor')
    end
    local field = run.status ~= 'completed' and unique_field(run)
    local holder = field and holder_of(field)
    if holder and holder ~= id then
      refuse(id, 'has a unique key that another run holds')
    elseif field then
      held[field] = id
    end
  end
  runs[#runs + 1] = run
end

local numbers, answers = {}, {}
for number, run in ipairs(runs) do
  -- Of a run that is named twice the first one counts.
  if run.is_known or redis.call('EXISTS', run.key) == 1 then
    answers[number] = 1
  else
    answers[number] = 0
    if run.ruling > 0 then
      numbers[run.ruling] = numbers[run.ruling] or keep_ruling(ARGV[3 + run.ruling])
      run.fields[#run.fields + 1] = 'ruling'
      run.fields[#run.fields + 1] = numbers[run.ruling]
    end
    redis.call('HSET', run.key, unpack(run.fields))
    redis.call('SET', run.context_key, run.context)
    enter(RUNS, 0, member(run.queued_at, run.id))
    if run.status == 'queued' then
      enter(QUEUED, 0, run.id)
    elseif run.status == 'running' then
      enter(RUNNING, run.lease_until, run.id)
    elseif run.outcome == 'blocked' then
      enter(BLOCKED, 0, member(run.queued_at, run.id))
    end
    if run.retry_of then
      redis.call('HSET', SUCCESSORS, run.retry_of, run.id)
    end
  end
end
settle()
return answers
