-- Reads what a workspace's slice of authority holds about queries, with its revision: one snapshot.
--
-- KEYS    marker, scope, slice
-- ARGV    store id; then each query: user, tenant, connection; empty for none
-- Answer  'missing'    there is neither scope nor slice yet
--         'malformed'  there is one without the other, or they are not of one revision
--         'found', revision, time, then each query's row: workspace, user, tenant, connection, gate of the
--         workspace, gate of the tenant, grants without tenant, grants of the tenant, prerequisites of the
--         workspace, those of the tenant, and a list of the roles granted, each with its definition

local MARKER, SCOPE, SLICE = unpack(KEYS)

require_marker(MARKER, ARGV[1])
local kind = redis.call('TYPE', SCOPE).ok
if kind ~= 'hash' and kind ~= 'none' then
  return {'malformed'}
end
expect(SLICE, 'hash')

local counter, nonce = unpack(redis.call('HMGET', SCOPE, 'counter', 'nonce'))
local revision = redis.call('HGET', SLICE, 'revision')
if not counter and not nonce and not revision then
  return {'missing'}
elseif not counter or not nonce or revision ~= counter .. '-' .. nonce then
  return {'malformed'}
end

-- The definitions of the roles in two lists of grants.
local function roles(...)
  local asked, named = {}, {}
  for _, grants in ipairs({...}) do
    for role in grants:gmatch('([^\t\n]+)\t') do
      if not named[role] then
        named[role] = true
        asked[#asked + 1] = role
      end
    end
  end
  local told = {}
  for at, role in ipairs(asked) do
    told[2 * at - 1] = role
    told[2 * at] = redis.call('HGET', SLICE, 'role:' .. role)
  end
  return told
end

local answer = {'found', revision, text(clock())}
for at = 2, #ARGV, 3 do
  local user, tenant, connection = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local row = redis.call('HMGET', SLICE,
    'workspace', 'user:' .. user, 'tenant:' .. tenant, 'connection:' .. connection,
    'gate:', 'gate:' .. tenant,
    'grants:' .. user .. '\n', 'grants:' .. user .. '\n' .. tenant,
    'prerequisites:', 'prerequisites:' .. tenant)
  row[11] = roles(row[7] or '', row[8] or '')
  answer[#answer + 1] = row
end
return answer
