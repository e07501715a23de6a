SELECT id FROM countersign.store WHERE one
