SELECT max(version) FROM countersign.migrations WHERE success
