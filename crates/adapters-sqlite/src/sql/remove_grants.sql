DELETE FROM grants WHERE user_id = ?1
