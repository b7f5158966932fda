-- shared: large_object
SELECT lo_create(0);
