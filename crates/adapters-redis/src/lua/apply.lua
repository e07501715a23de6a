-- Applies changes: all of them or, where any key holds what no script writes, none.
--
-- KEYS    as directory.lua
-- ARGV    as directory.lua; then each change, as `make` takes it
-- Answer  workspace, revision, … of every scope that was raised, each once
--
-- The plan is written when all changes are on it, and nothing can fail any more.

require_open(MARKER, ARGV[1])
expect(WORKSPACES, 'set')
local now, seq = text(clock()), last_logged(LOG)

local entries, logs, raised = {}, {}, {}
for at = 4, #ARGV do
  local by, said = make(ARGV[at])
  seq = seq + 1
  local lines = {}
  for workspace, orders in pairs(asked) do
    local log, slice = of_workspace(workspace, 'log'), of_workspace(workspace, 'slice')
    if not logs[log] then
      expect(log, 'zset')
      logs[log] = {}
    end
    table.insert(logs[log], text(seq))
    carry_out(slice, orders)
    raised[workspace] = raise(of_workspace(workspace, 'scope'), slice, workspace, SEED)
    lines[#lines + 1] = raised[workspace] .. '\t' .. workspace
  end
  entries[#entries + 1] = {text(seq) .. '-0', by, said, table.concat(lines, '\n')}
end

write_plan()
for _, entry in ipairs(entries) do
  redis.call('XADD', LOG, entry[1], 'at', now, 'by', entry[2], 'change', entry[3], 'raised', entry[4])
end
for log, seqs in pairs(logs) do
  local members = {}
  for _, one in ipairs(seqs) do
    members[#members + 1] = one
    members[#members + 1] = one
  end
  in_parts('ZADD', log, members)
end

local answer, workspaces = {}, {}
for workspace, revision in pairs(raised) do
  workspaces[#workspaces + 1] = workspace
  answer[#answer + 1] = workspace
  answer[#answer + 1] = revision
end
in_parts('SADD', WORKSPACES, workspaces)
return answer
