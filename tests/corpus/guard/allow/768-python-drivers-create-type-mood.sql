-- allow
CREATE TYPE mood AS ENUM ('a'); CREATE TYPE pair AS (x int, y text); CREATE TYPE span AS RANGE (subtype = float8)
