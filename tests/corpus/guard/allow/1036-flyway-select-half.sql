-- allow
SELECT missing FROM half
