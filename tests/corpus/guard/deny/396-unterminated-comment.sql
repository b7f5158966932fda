-- deny: unparsable
SELECT 1 /* 
