-- allow
RESET ALL;
