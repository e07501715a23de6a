SELECT standing FROM countersign.home FOR SHARE
