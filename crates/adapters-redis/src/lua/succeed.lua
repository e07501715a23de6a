-- Successors: the next run of a chain, in the script that completes the one before.

-- Finds out whether a run may have this successor, before anything is written: `ready`; `existing` and
-- the one that it has; `taken`, where the successor's id is another run's; or nil and the problem.
local function may_succeed(run, from, to)
  local existing = redis.call('HGET', SUCCESSORS, run.id)
  if existing then
    return 'existing', existing
  end
  if texts[to.key] or redis.call('EXISTS', to.key, to.context) > 0 then
    return 'taken'
  end
  local kind = redis.call('TYPE', from.context).ok
  if kind ~= 'string' then
    return nil, '`' .. from.context .. '` is a ' .. kind .. ', expected a string'
  end
  return 'ready'
end

-- Queues the successor that may be, and answers with its entry: id, operation, queue, priority, due time.
local function succeed(run, from, to, now, due, requested_by)
  local id, attempt = id_of(to.key), text(tonumber(run.attempt) + 1)
  local settled = {
    text(now), text(due), attempt, run.priority, run.queue, run.chain, run.id, requested_by or '', run.unique_key,
  }
  redis.call('COPY', from.context, to.context)
  write(to.key, 'queued\t-\n' .. run.asked .. '\n' .. table.concat(settled, '\t'))
  enter(RUNS, 0, member(now, id))
  enter(QUEUED, 0, id)
  redis.call('HSET', SUCCESSORS, run.id, id)
  local field = unique_field(run)
  if field then
    held[field] = id
  end
  return {id, run.type, run.queue, run.priority, text(due)}
end
