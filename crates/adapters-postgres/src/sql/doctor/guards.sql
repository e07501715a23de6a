-- As `constraint TABLE.NAME`, `trigger TABLE.NAME`, `index NAME`: whatever is there, valid and switched on.
SELECT format('constraint %s.%s', relname, conname)
FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'countersign.runs'::regclass)
  AND convalidated
UNION ALL
SELECT format('trigger %s.%s', relname, tgname)
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'countersign.runs'::regclass)
  AND NOT tgisinternal AND tgenabled IN ('O', 'A')
UNION ALL
SELECT format('index %s', relname)
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'countersign.runs'::regclass)
  AND indisunique AND indisvalid
