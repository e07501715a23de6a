SELECT EXISTS (SELECT 1 FROM countersign.queue WHERE ready AND claimed_until <= (SELECT clock_timestamp()))
    OR EXISTS (SELECT 1 FROM countersign.queue WHERE NOT ready AND visible_at <= (SELECT clock_timestamp()))
