-- unhardened: opaque_code
CREATE CAST (mood AS int) WITH FUNCTION mood_to_int(mood);
