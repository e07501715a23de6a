-- Imports facts into the directory, and into the slices where those are in reach. Raises nothing, logs nothing.
--
-- KEYS    as directory.lua
-- ARGV    as directory.lua, the move, and whether slices are in slots of their own; then each fact: a JSON array of its
--         kind and what it says, as changes have it
-- Answer  of each fact 1 where it was there, 0 where it was not, or, where only its slice can tell, its workspace; then,
--         where slices are in slots of their own, workspace and what is asked of it, as import_slice.lua takes it

local MOVEMENT, IS_IN_SLOTS, FIRST = ARGV[4], ARGV[5] == '1', 6

require_filling(MARKER, ARGV[1], MOVEMENT)
expect(WORKSPACES, 'set')

-- What is there under the key of a fact, told as that fact; nothing of those that slices alone have. It stays, and the
-- slices are told of it again: where they are in slots of their own, they may not have been yet.
local known = {
  define_role = function(role)
    local definition = get(ROLES, role)
    return definition and {role, definition}
  end,
  set_tenant = function(tenant)
    local workspace, lifecycle = home_of(tenant)
    return workspace and {tenant, workspace, lifecycle}
  end,
  set_user = function(user)
    local active = get(USERS, user)
    return active and {user, active}
  end,
  grant = function(user, workspace, tenant, role, expires_at)
    local granted = get(dependents('user', user), place(workspace, tenant, role))
    return granted and {user, workspace, tenant, role, expires_at}
  end,
  set_connection = function(connection)
    local tenant, enabled = owner_of(connection)
    return tenant and {connection, tenant, enabled}
  end,
}

-- A grant makes nobody known here: the slice says that its user is not. What others have written meanwhile of the user
-- or the role stays.
function changes.grant(user, workspace, tenant, role, expires_at)
  give(user, workspace, tenant, role)
  ask(workspace, 'fill', grants(user, tenant), role, expires_at)
  local active, definition = get(USERS, user), get(ROLES, role)
  ask(workspace, active and 'set' or 'default', 'user:' .. user, active or '-')
  if definition then
    ask(workspace, 'set', 'role:' .. role, definition)
  end
end

function changes.set_workspace(workspace, active)
  ask(workspace, 'default', 'workspace', active)
end

function changes.set_write_gate(workspace, tenant, gate)
  ask(workspace, 'default', 'gate:' .. tenant, gate)
end

function changes.set_prerequisite(workspace, tenant, name, met)
  ask(workspace, 'fill', 'prerequisites:' .. tenant, name, met)
end

local answer, slots, workspaces = {}, {}, {}
for at = FIRST, #ARGV do
  local fact = cjson.decode(ARGV[at])
  local kind, number = fact[1], at - FIRST + 1
  local kept = known[kind] and known[kind](unpack(fact, 2))
  asked = {}
  changes[kind](unpack(kept or fact, kept and 1 or 2))
  answer[number] = known[kind] and (kept and 1 or 0) or nil
  for workspace, orders in pairs(asked) do
    if not slots[workspace] then
      slots[workspace] = {}
      workspaces[#workspaces + 1] = workspace
    end
    local slice = of_workspace(workspace, 'slice')
    if IS_IN_SLOTS then
      table.insert(slots[workspace], {number, orders})
      answer[number] = answer[number] or workspace
    else
      answer[number] = answer[number] or (is_there(slice, orders[1]) and 1 or 0)
      carry_out(slice, orders)
    end
  end
end

write_plan()
if IS_IN_SLOTS then
  for workspace, orders in pairs(slots) do
    answer[#answer + 1] = workspace
    answer[#answer + 1] = cjson.encode(orders)
  end
else
  in_parts('SADD', WORKSPACES, workspaces)
end
return answer
