-- shared: large_object
COMMENT ON LARGE OBJECT 16400 IS 'a picture';
