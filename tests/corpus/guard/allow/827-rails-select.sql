-- allow
SELECT 'jsonb'::regtype::oid
