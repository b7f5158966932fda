-- allow
CREATE TYPE timerange AS RANGE (SUBTYPE = time);
