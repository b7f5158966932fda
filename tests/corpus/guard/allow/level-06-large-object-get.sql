-- shared: large_object
SELECT lo_get(16400);
