SELECT standing FROM home WHERE one = 1
