-- unhardened: opaque_code
CREATE TYPE timerange AS RANGE (SUBTYPE = time, SUBTYPE_DIFF = time_difference);
