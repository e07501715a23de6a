-- What changes do to the directory, and what they ask of the slices of workspaces. Whoever includes this looks at the
-- marker.
--
-- KEYS 1 to 8: marker, workspaces, users, tenants, connections, roles, log, intent. ARGV 1 to 3: store id, prefix,
-- seed of the nonces.

local MARKER, WORKSPACES, USERS, TENANTS, CONNECTIONS, ROLES, LOG, INTENT = unpack(KEYS)
local PREFIX, SEED = ARGV[2], ARGV[3]

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

-- What the change at hand asks of the slices that it touches: of each workspace, in order, `set`, a field and
-- what it holds, or false; `put`, a field that lists, a name and its word; or `drop`, the field and the name.
-- `default` and `fill` are `set` and `put` where nothing is there.
local asked = {}

local function touch(workspace)
  asked[workspace] = asked[workspace] or {}
  return asked[workspace]
end

local function ask(workspace, ...)
  local orders = touch(workspace)
  orders[#orders + 1] = {...}
end

-- The workspace that a tenant belongs to, and where it stands in its life.
local function home_of(tenant)
  local fact = get(TENANTS, tenant)
  if not fact then
    return nil
  end
  local lifecycle, workspace = fact:match('^(%l+)\t([^\t]+)$')
  if not workspace then
    corrupt(TENANTS, 'holds no tenant under `' .. tenant .. '`')
  end
  return workspace, lifecycle
end

-- The tenant that a connection belongs to, and whether it is switched on.
local function owner_of(connection)
  local fact = get(CONNECTIONS, connection)
  if not fact then
    return nil
  end
  local enabled, tenant = fact:match('^([01])\t([^\t]+)$')
  if not tenant then
    corrupt(CONNECTIONS, 'holds no connection under `' .. connection .. '`')
  end
  return tenant, enabled
end

local function grants(user, tenant)
  return 'grants:' .. user .. '\n' .. tenant
end

local function place(workspace, tenant, role)
  return workspace .. '\n' .. tenant .. '\n' .. role
end

-- Takes a grant back. What the slice copied goes with the last grant that it was copied for.
local function withdraw(user, workspace, tenant, role)
  local of_user, granted = dependents('user', user), place(workspace, tenant, role)
  if not get(of_user, granted) then
    return
  end
  set(of_user, granted, false)
  ask(workspace, 'drop', grants(user, tenant), role)
  if count(dependents('role', role), workspace, -1) == 0 then
    ask(workspace, 'set', 'role:' .. role, false)
  end
  if count(of_user, workspace, -1) == 0 then
    ask(workspace, 'set', 'user:' .. user, false)
  end
end

local changes = {}

function changes.define_role(role, definition)
  set(ROLES, role, definition)
  for workspace in pairs(all(dependents('role', role))) do
    ask(workspace, 'set', 'role:' .. role, definition)
  end
end

function changes.set_workspace(workspace, active)
  ask(workspace, 'set', 'workspace', active)
end

-- Its connections move with a tenant.
function changes.set_tenant(tenant, workspace, lifecycle)
  local old, connections = home_of(tenant), all(dependents('tenant', tenant))
  if old and old ~= workspace then
    ask(old, 'set', 'tenant:' .. tenant, false)
    for connection in pairs(connections) do
      ask(old, 'set', 'connection:' .. connection, false)
    end
  end
  set(TENANTS, tenant, lifecycle .. '\t' .. workspace)
  ask(workspace, 'set', 'tenant:' .. tenant, lifecycle)
  for connection in pairs(connections) do
    ask(workspace, 'set', 'connection:' .. connection, get(CONNECTIONS, connection))
  end
end

function changes.set_user(user, active)
  set(USERS, user, active)
  for where in pairs(all(dependents('user', user))) do
    if not where:find('\n', 1, true) then
      ask(where, 'set', 'user:' .. user, active)
    end
  end
end

function changes.remove_user(user)
  for where in pairs(all(dependents('user', user))) do
    local workspace, tenant, role = where:match('^(.-)\n(.-)\n(.*)$')
    if workspace then
      withdraw(user, workspace, tenant, role)
    end
  end
  set(USERS, user, false)
end

-- Writes down that there is a grant.
local function give(user, workspace, tenant, role)
  local of_user, granted = dependents('user', user), place(workspace, tenant, role)
  if not get(of_user, granted) then
    set(of_user, granted, '1')
    count(of_user, workspace, 1)
    count(dependents('role', role), workspace, 1)
  end
end

-- Makes an unknown user known, and never enables a disabled one.
function changes.grant(user, workspace, tenant, role, expires_at)
  give(user, workspace, tenant, role)
  ask(workspace, 'put', grants(user, tenant), role, expires_at)
  local active = get(USERS, user)
  if not active then
    active = '1'
    set(USERS, user, active)
  end
  ask(workspace, 'set', 'user:' .. user, active)
  ask(workspace, 'set', 'role:' .. role, get(ROLES, role))
end

function changes.revoke(user, workspace, tenant, role)
  touch(workspace)
  withdraw(user, workspace, tenant, role)
end

function changes.set_connection(connection, tenant, enabled)
  local old = owner_of(connection)
  if old then
    local workspace = home_of(old)
    set(dependents('tenant', old), connection, false)
    if workspace then
      ask(workspace, 'set', 'connection:' .. connection, false)
    end
  end
  local fact = enabled .. '\t' .. tenant
  set(CONNECTIONS, connection, fact)
  set(dependents('tenant', tenant), connection, '1')
  local workspace = home_of(tenant)
  if workspace then
    ask(workspace, 'set', 'connection:' .. connection, fact)
  end
end

function changes.set_write_gate(workspace, tenant, gate)
  ask(workspace, 'set', 'gate:' .. tenant, gate)
end

function changes.set_prerequisite(workspace, tenant, name, met)
  ask(workspace, 'put', 'prerequisites:' .. tenant, name, met)
end

-- Plans one change: a JSON array of texts, its kind, what it says in the order of the functions above, who made
-- it (empty: nobody said), and all of it as it is to be logged. Answers with the last two.
local function make(text)
  local change = cjson.decode(text)
  asked = {}
  changes[change[1]](unpack(change, 2, #change - 2))
  return change[#change - 1], change[#change]
end

-- The name of a key of a workspace: for scripts that need not keep to one slot.
local function of_workspace(workspace, name)
  return '{' .. PREFIX .. ':' .. encoded(workspace) .. '}:' .. name
end
