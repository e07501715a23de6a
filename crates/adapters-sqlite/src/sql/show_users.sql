SELECT id, active FROM users
WHERE id IN (SELECT user_id FROM grants
             WHERE workspace_id = ?1 AND (?2 IS NULL OR tenant_id IN ('', ?2)))
  AND (?3 IS NULL OR id = ?3)
ORDER BY id
