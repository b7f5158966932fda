-- allow
DISCARD ALL;
