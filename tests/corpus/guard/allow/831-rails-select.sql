-- allow
SELECT 'text'::regtype::oid
