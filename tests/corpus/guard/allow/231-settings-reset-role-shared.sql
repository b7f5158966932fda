-- shared: role_change
RESET "RoLe";
