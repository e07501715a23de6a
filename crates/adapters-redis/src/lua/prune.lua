-- Removes completed runs whose time is up, with all that belonged to them.
--
-- KEYS    as run.lua, 8 the marker; then of each run itself, its context and what more there is of it
-- ARGV    the store's id
-- Answer  of each `removed`; `kept`, as it is not completed (G5); or `absent`

require_open(KEYS[8], ARGV[1])

local answers, gone, pruned, uses = {}, {}, {}, {}
for place = 9, #KEYS, 3 do
  local run, problem = read(KEYS[place])
  local answer
  if not run then
    answer = absent(problem, {'absent'})
  elseif run.status ~= 'completed' then
    answer = {'kept'}
  else
    answer = {'removed'}
    gone[#gone + 1] = run.key
    gone[#gone + 1] = redis.call('EXISTS', KEYS[place + 1]) == 1 and KEYS[place + 1] or nil
    gone[#gone + 1] = run.has_more and run.more or nil
    pruned[#pruned + 1] = run.id
    local in_order = member(run.queued_at, run.id)
    leave(RUNS, in_order)
    if run.outcome == 'blocked' then
      leave(BLOCKED, in_order)
    end
    local ruling = run.start:match('\t(%d+)$')
    if run.decision and ruling then
      uses[ruling] = (uses[ruling] or 0) + 1
    end
  end
  answers[#answers + 1] = answer
end

release_rulings(uses)
if #gone > 0 then
  redis.call('DEL', unpack(gone))
  redis.call('HDEL', SUCCESSORS, unpack(pruned))
end
settle()
return answers
