-- Imports entries of the log, in order, and leaves those that are there.
--
-- KEYS    marker, log
-- ARGV    store id, the move; then of each entry its number, when it was made, by whom (empty: nobody said), the change,
--         and what it raised
-- Answer  of each entry 1 where it was there, 0 where it was not

local MARKER, LOG = unpack(KEYS)
local FIRST, FIELDS = 3, 5

require_filling(MARKER, ARGV[1], ARGV[2])
local answer, new, last = {}, {}, last_logged(LOG)
for at = FIRST, #ARGV, FIELDS do
  local seq = ARGV[at]
  local id = seq .. '-0'
  if tonumber(seq) > last then
    last = tonumber(seq)
    new[#new + 1] = at
    answer[#answer + 1] = 0
  elseif #redis.call('XRANGE', LOG, id, id) == 0 then
    -- A log is only written on. This one was given a later entry first.
    corrupt(LOG, 'lacks entry ' .. seq .. ', and has later ones')
  else
    answer[#answer + 1] = 1
  end
end
for _, at in ipairs(new) do
  local seq, time, by, change, raised = unpack(ARGV, at, at + FIELDS - 1)
  redis.call('XADD', LOG, seq .. '-0', 'at', time, 'by', by, 'change', change, 'raised', raised)
end
return answer
