-- The number of the last change in the log.
local function last_logged(log)
  if expect(log, 'stream') then
    local about = redis.call('XINFO', 'STREAM', log)
    for at = 1, #about, 2 do
      if about[at] == 'last-generated-id' then
        return tonumber(about[at + 1]:match('^%d+'))
      end
    end
  end
  return 0
end
