-- allow
SET row_security = off
