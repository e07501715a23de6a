SELECT standing FROM countersign.home FOR UPDATE
