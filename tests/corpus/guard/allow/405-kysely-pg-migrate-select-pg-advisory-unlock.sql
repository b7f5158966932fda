-- unhardened: advisory_lock
select pg_advisory_unlock(3853314791062309107)
