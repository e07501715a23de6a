-- Imports runs of one workspace as they were elsewhere, and leaves those that are there.
--
-- KEYS    as run.lua, 8 the marker; then of each run itself, its context and what more there is of it
-- ARGV    store id, the move, the number of rulings, each ruling; then of each run its context, its three lines, the
--         first without the number of its ruling, the place of that (0: none), how many fields and values more there
--         are of it, and those
-- Answer  of each 1 where it was there, 0 where it was not

local FIRST, EACH, MANY = 9, 3, tonumber(ARGV[3])

require_filling(KEYS[8], ARGV[1], ARGV[2])
expect_no_rulings_beyond(MANY)

local function refuse(id, problem)
  error({err = 'CORRUPT the run `' .. id .. '` that is to be imported ' .. problem})
end

-- Everything is looked at first: what no run is (G1, G3, G4) is not imported either.
local runs, at = {}, 4 + MANY
for place = FIRST, #KEYS, EACH do
  local context, head, asked, settled, ruling, many = unpack(ARGV, at, at + 5)
  local fields = {unpack(ARGV, at + 6, at + 5 + tonumber(many))}
  at = at + 6 + tonumber(many)
  local key, id = KEYS[place], id_of(KEYS[place])
  local known, problem = read(key)
  if problem then
    error({err = 'CORRUPT ' .. problem})
  end
  local lines = '\n' .. asked .. '\n' .. settled
  local run
  if not known then
    expect(KEYS[place + 1], 'string')
    if expect(KEYS[place + 2], 'hash') then
      corrupt(KEYS[place + 2], 'is there, and its run is not')
    end
    run, problem = parse(head .. (ruling ~= '0' and '\t0' or '') .. lines)
    if problem then
      refuse(id, problem)
    elseif (run.decision ~= nil) ~= (ruling ~= '0') then
      refuse(id, 'has a decision that is not whole')
    end
    local successor = run.retry_of ~= '' and redis.call('HGET', SUCCESSORS, run.retry_of)
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
    run.key, run.id, run.more = key, id, KEYS[place + 2]
    run.head, run.lines, run.fields = head, lines, fields
    run.context, run.context_key, run.ruling = context, KEYS[place + 1], tonumber(ruling)
  end
  runs[#runs + 1] = run or false
end

local numbers, counts, answers = {}, {}, {}
for number, run in ipairs(runs) do
  -- Of a run that is named twice the first one counts.
  if not run or texts[run.key] then
    answers[number] = 1
  else
    answers[number] = 0
    local head = run.head
    if run.ruling > 0 then
      numbers[run.ruling] = numbers[run.ruling] or keep_ruling(ARGV[3 + run.ruling])
      counts[run.ruling] = (counts[run.ruling] or 0) + 1
      head = head .. '\t' .. numbers[run.ruling]
    end
    keep_more(run, run.fields)
    write(run.key, head .. run.lines)
    redis.call('SET', run.context_key, run.context)
    enter(RUNS, 0, member(run.queued_at, run.id))
    if run.status == 'queued' then
      enter(QUEUED, 0, run.id)
    elseif run.status == 'running' then
      enter(RUNNING, run.lease_until, run.id)
    elseif run.outcome == 'blocked' then
      enter(BLOCKED, 0, member(run.queued_at, run.id))
    end
    if run.retry_of ~= '' then
      redis.call('HSET', SUCCESSORS, run.retry_of, run.id)
    end
  end
end
local uses = {}
for ruling, number in pairs(numbers) do
  uses[#uses + 1] = number
  uses[#uses + 1] = counts[ruling]
end
keep_uses(uses)
settle()
return answers
