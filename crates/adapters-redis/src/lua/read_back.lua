-- Finds out what became of starts. A decision of a run that is still queued is barred, so that a start
-- under it that is still on its way comes too late (G3).
--
-- KEYS    as run.lua; then each run, and what more there is of it
-- ARGV    of each the decision id
-- Answer  of each `committed` and when it started, or else the time; `queued`; or `not_queued`

local FIRST = 8
local now = text(clock())
local answers = {}
for place = FIRST, #KEYS, 2 do
  local decision = ARGV[(place - FIRST) / 2 + 1]
  local run, problem = read(KEYS[place])
  local answer
  if not run then
    answer = absent(problem, {'not_queued'})
  elseif run.decision == decision then
    answer = {'committed', run.started_at or now}
  elseif run.status == 'queued' then
    keep_more(run, {'barred:' .. decision, '1'})
    advance(run, 'queued', '')
    answer = {'queued'}
  else
    answer = {'not_queued'}
  end
  answers[#answers + 1] = answer
end
settle()
return answers
