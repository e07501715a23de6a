SELECT workspace_id, counter, nonce FROM countersign.apply_alone($1::text::jsonb)
