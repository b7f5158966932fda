-- unhardened: advisory_lock
SELECT pg_advisory_unlock(7);
