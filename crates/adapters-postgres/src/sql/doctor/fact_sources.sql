SELECT format('%s from `%s`', fact, source) FROM countersign.fact_sources ORDER BY fact
