SELECT query.key, prerequisites.tenant_id, prerequisites.name, prerequisites.met
FROM json_each(?1) AS query
JOIN prerequisites ON prerequisites.workspace_id = query.value ->> 0
                  AND prerequisites.tenant_id IN ('', query.value ->> 1)
