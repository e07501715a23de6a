-- $1: state  $2: move, or null  $3: what whoever is refused is told, or null  $4: standing
UPDATE countersign.home SET state = $1, move_id = $2, refusal = $3, standing = $4
