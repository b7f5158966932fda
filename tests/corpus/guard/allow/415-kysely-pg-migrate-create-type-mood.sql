-- allow
CREATE TYPE "mood" AS ENUM ($pga$a$pga$, $pga$b$pga$);
