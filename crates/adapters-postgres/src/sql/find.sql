WHERE r.id = ANY ($1)
