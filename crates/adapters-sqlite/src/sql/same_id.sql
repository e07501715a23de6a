-- ?1: [[id, workspace, tenant, initiator, mode, type, connection], …]
SELECT runs.id,
       runs.workspace_id = value ->> 1 AND runs.tenant_id = value ->> 2
       AND runs.initiator IS value ->> 3 AND runs.authority_mode = value ->> 4
       AND runs.operation_type = value ->> 5 AND runs.provider_connection_id IS value ->> 6
FROM json_each(?1) JOIN runs ON runs.id = value ->> 0
