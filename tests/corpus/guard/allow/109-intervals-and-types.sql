-- allow
SELECT interval '1 day', date '2024-01-01', '{1,2}'::int[], B'101', X'1F', 1e10, 0x1F, 'x'::varchar(3), timestamptz 'now' AT TIME ZONE 'UTC';
