SELECT workspace_id, counter, nonce FROM countersign.apply_validated($1::text::jsonb)
