-- shared: role_change
DISCARD ALL;
