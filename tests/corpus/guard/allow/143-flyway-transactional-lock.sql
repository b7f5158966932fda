-- unhardened: advisory_lock
SELECT pg_try_advisory_xact_lock(77431429875789)
