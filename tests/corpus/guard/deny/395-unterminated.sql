-- deny: unparsable
SELECT 'x
