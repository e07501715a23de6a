SELECT id FROM store WHERE one = 1
