-- Queues runs of one workspace.
--
-- KEYS    as run.lua, 8 the marker; then of each run itself and its context
-- ARGV    the store's id; then of each run id, tenant, initiator, mode, operation, connection, priority,
--         unique key, queue, due time, context. What is not set is empty
-- Answer  of each `created` and its due time; `existing` and that run; or `taken`

require_open(KEYS[8], ARGV[1])
local now = clock()
local FIELDS = 11

-- Everything is looked at first: a batch with a damaged run queues nothing.
local runs = {}
for place = 9, #KEYS, 2 do
  local run, problem = read(KEYS[place], 'initiator', 'mode', 'connection')
  if problem then
    error({err = 'CORRUPT ' .. problem})
  end
  if not run then
    expect(KEYS[place + 1], 'string')
  end
  runs[#runs + 1] = KEYS[place]
end

local answers = {}
for number, key in ipairs(runs) do
  local id, tenant, initiator, mode, operation, connection, priority, unique_key, queue, due, context =
    unpack(ARGV, 2 + (number - 1) * FIELDS, 1 + number * FIELDS)
  local known = read(key, 'initiator', 'mode', 'connection')
  local field = unique_key ~= '' and tenant .. '\n' .. operation .. '\n' .. unique_key
  local holder = field and holder_of(field)
  if known then
    local same = known.tenant == tenant and (known.initiator or '') == initiator and known.mode == mode
      and known.type == operation and (known.connection or '') == connection
    answers[number] = same and {'existing', id} or {'taken', id}
  elseif holder then
    answers[number] = {'existing', holder}
  else
    due = due ~= '' and due or text(now)
    local fields = {
      'status', 'queued', 'outcome', 'pending', 'attempt', '1', 'queued_at', text(now), 'due_at', due,
      'tenant', tenant, 'mode', mode, 'type', operation, 'priority', priority, 'queue', queue,
      'chain', id,
    }
    for name, value in pairs({initiator = initiator, connection = connection, unique_key = unique_key}) do
      if value ~= '' then
        fields[#fields + 1] = name
        fields[#fields + 1] = value
      end
    end
    redis.call('HSET', key, unpack(fields))
    redis.call('SET', KEYS[8 + number * 2], context)
    enter(RUNS, 0, member(now, id))
    enter(QUEUED, 0, id)
    if field then
      held[field] = id
    end
    answers[number] = {'created', due}
  end
end
settle()
return answers
