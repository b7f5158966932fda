-- unhardened: advisory_lock
SET client_min_messages TO 'warning';
SET standard_conforming_strings = on;
SET intervalstyle = iso_8601;
SET SESSION timezone TO 'UTC';
SELECT pg_try_advisory_lock(2929282843, 123);
SELECT pg_advisory_unlock(2929282843, 123);
SHOW max_identifier_length;
