-- unhardened: advisory_lock
SELECT pg_try_advisory_lock(6939591962871035475)
