-- unhardened: advisory_lock
SELECT pg_try_advisory_lock(7241865325823964) AS "lockObtained"
