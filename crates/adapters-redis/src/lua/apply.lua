-- Applies changes: all of them or, where any key holds what no script writes, none.
--
-- KEYS    marker, workspaces, users, tenants, connections, roles, log
-- ARGV    store id, prefix, seed of the nonces; then each change, as a JSON array of texts: its kind, what
--         it says in the order of the functions below, who made it (empty: nobody said), and all of it as
--         it is to be logged
-- Answer  workspace, revision, … of every scope that was raised, each once
--
-- Begins with plan.lua. The plan is written when all changes are on it, and nothing can fail any more.

local MARKER, WORKSPACES, USERS, TENANTS, CONNECTIONS, ROLES, LOG = unpack(KEYS)
local PREFIX, SEED = ARGV[2], ARGV[3]

require_marker(MARKER, ARGV[1])

-- Names of keys, as `keys.rs` has them.

local function encoded(id)
  return (id:gsub('[^!-$&-9;-z|~]', function(byte)
    return string.format('%%%02X', byte:byte())
  end))
end

-- Of whom or what there are dependents: where a user or a role is granted, what connections a tenant has.
local function dependents(kind, id)
  return '{' .. PREFIX .. '}:' .. kind .. ':' .. encoded(id)
end

local function of_workspace(workspace, name)
  return '{' .. PREFIX .. ':' .. encoded(workspace) .. '}:' .. name
end

local function slice(workspace)
  return of_workspace(workspace, 'slice')
end

-- The scopes that the change at hand touches.
local touched = {}

local function touch(workspace)
  touched[workspace] = true
end

-- The workspace that a tenant belongs to.
local function home_of(tenant)
  local fact = get(TENANTS, tenant)
  if not fact then
    return nil
  end
  local workspace = fact:match('^%l+\t([^\t]+)$')
  return workspace or corrupt(TENANTS, 'holds no tenant under `' .. tenant .. '`')
end

-- Takes a grant back. What the slice copied goes with the last grant that it was copied for.
local function withdraw(user, workspace, tenant, role)
  local here, field = slice(workspace), 'grants:' .. user .. '\n' .. tenant
  local names, words = list(here, field)
  if not words[role] then
    return
  end
  words[role] = nil
  if count(dependents('role', role), workspace, -1) == 0 then
    set(here, 'role:' .. role, false)
  end
  if set_list(here, field, names, words) == 0 then
    set(dependents('user', user), workspace .. '\n' .. tenant, false)
    if count(dependents('user', user), workspace, -1) == 0 then
      set(here, 'user:' .. user, false)
    end
  end
end

local changes = {}

function changes.define_role(role, definition)
  set(ROLES, role, definition)
  for workspace in pairs(all(dependents('role', role))) do
    set(slice(workspace), 'role:' .. role, definition)
    touch(workspace)
  end
end

function changes.set_workspace(workspace, active)
  set(slice(workspace), 'workspace', active)
  touch(workspace)
end

-- Its connections move with a tenant.
function changes.set_tenant(tenant, workspace, lifecycle)
  local old, connections = home_of(tenant), all(dependents('tenant', tenant))
  if old and old ~= workspace then
    set(slice(old), 'tenant:' .. tenant, false)
    for connection in pairs(connections) do
      set(slice(old), 'connection:' .. connection, false)
    end
    touch(old)
  end
  set(TENANTS, tenant, lifecycle .. '\t' .. workspace)
  set(slice(workspace), 'tenant:' .. tenant, lifecycle)
  for connection in pairs(connections) do
    set(slice(workspace), 'connection:' .. connection, get(CONNECTIONS, connection))
  end
  touch(workspace)
end

function changes.set_user(user, active)
  set(USERS, user, active)
  for place in pairs(all(dependents('user', user))) do
    if not place:find('\n', 1, true) then
      set(slice(place), 'user:' .. user, active)
      touch(place)
    end
  end
end

function changes.remove_user(user)
  for place in pairs(all(dependents('user', user))) do
    local workspace, tenant = place:match('^(.-)\n(.*)$')
    if workspace then
      for _, role in ipairs((list(slice(workspace), 'grants:' .. user .. '\n' .. tenant))) do
        withdraw(user, workspace, tenant, role)
      end
      touch(workspace)
    end
  end
  set(USERS, user, false)
end

-- Makes an unknown user known, and never enables a disabled one.
function changes.grant(user, workspace, tenant, role, expires_at)
  local here, field = slice(workspace), 'grants:' .. user .. '\n' .. tenant
  local names, words = list(here, field)
  if not words[role] then
    count(dependents('role', role), workspace, 1)
  end
  if #names == 0 then
    set(dependents('user', user), workspace .. '\n' .. tenant, '1')
    count(dependents('user', user), workspace, 1)
  end
  set_listed(here, field, role, expires_at)
  if not get(USERS, user) then
    set(USERS, user, '1')
  end
  set(here, 'user:' .. user, get(USERS, user))
  set(here, 'role:' .. role, get(ROLES, role))
  touch(workspace)
end

function changes.revoke(user, workspace, tenant, role)
  withdraw(user, workspace, tenant, role)
  touch(workspace)
end

function changes.set_connection(connection, tenant, enabled)
  local fact = get(CONNECTIONS, connection)
  if fact then
    local old = fact:match('^[01]\t([^\t]+)$')
      or corrupt(CONNECTIONS, 'holds no connection under `' .. connection .. '`')
    local workspace = home_of(old)
    set(dependents('tenant', old), connection, false)
    if workspace then
      set(slice(workspace), 'connection:' .. connection, false)
      touch(workspace)
    end
  end
  fact = enabled .. '\t' .. tenant
  set(CONNECTIONS, connection, fact)
  set(dependents('tenant', tenant), connection, '1')
  local workspace = home_of(tenant)
  if workspace then
    set(slice(workspace), 'connection:' .. connection, fact)
    touch(workspace)
  end
end

function changes.set_write_gate(workspace, tenant, gate)
  set(slice(workspace), 'gate:' .. tenant, gate)
  touch(workspace)
end

function changes.set_prerequisite(workspace, tenant, name, met)
  set_listed(slice(workspace), 'prerequisites:' .. tenant, name, met)
  touch(workspace)
end

-- Gives a scope its next revision, and makes one that has no record. The slice bears the revision too: one
-- without the other is damage, which nobody may take for an absence of facts.
local function raise(workspace)
  local scope, here = of_workspace(workspace, 'scope'), slice(workspace)
  local counter, nonce = get(scope, 'counter'), get(scope, 'nonce')
  local stamp = get(here, 'revision')
  if not counter and not nonce and not stamp then
    counter = '0'
  elseif not counter or not nonce or stamp ~= counter .. '-' .. nonce then
    corrupt(scope, 'and `' .. here .. '` are not of one revision')
  elseif not counter:find('^[1-9]%d*$') or #counter > 15 or #nonce ~= 32 or nonce:find('%X') then
    corrupt(scope, 'holds no revision')
  end
  counter = text(tonumber(counter) + 1)
  nonce = redis.sha1hex(SEED .. ':' .. counter .. ':' .. workspace):sub(1, 32)
  set(scope, 'counter', counter)
  set(scope, 'nonce', nonce)
  set(here, 'revision', counter .. '-' .. nonce)
  return counter .. '-' .. nonce
end

expect(WORKSPACES, 'set')
local seq = 0
if expect(LOG, 'stream') then
  local about = redis.call('XINFO', 'STREAM', LOG)
  for at = 1, #about, 2 do
    if about[at] == 'last-generated-id' then
      seq = tonumber(about[at + 1]:match('^%d+'))
    end
  end
end
local now = text(clock())

local entries, logs, raised = {}, {}, {}
for at = 4, #ARGV do
  local change = cjson.decode(ARGV[at])
  local by, said = change[#change - 1], change[#change]
  touched = {}
  changes[change[1]](unpack(change, 2, #change - 2))
  seq = seq + 1
  local lines = {}
  for workspace in pairs(touched) do
    local log = of_workspace(workspace, 'log')
    if not logs[log] then
      expect(log, 'zset')
      logs[log] = {}
    end
    table.insert(logs[log], text(seq))
    raised[workspace] = raise(workspace)
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
