SELECT s.status::text, s.outcome::text, r.workspace_id, r.tenant_id, r.operation_type, r.unique_key
FROM countersign.run_states AS s JOIN countersign.runs AS r ON r.id = s.id WHERE s.id = $1 FOR UPDATE OF s
