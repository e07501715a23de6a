SELECT workspace_id = $2 AND tenant_id = $3 AND initiator IS NOT DISTINCT FROM $4
       AND authority_mode::text = $5 AND operation_type = $6 AND provider_connection_id IS NOT DISTINCT FROM $7
FROM countersign.runs WHERE id = $1
