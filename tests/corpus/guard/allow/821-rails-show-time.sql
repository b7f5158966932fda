-- allow
SHOW TIME ZONE
