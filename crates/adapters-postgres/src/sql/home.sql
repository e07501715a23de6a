SELECT standing FROM countersign.home
