-- unhardened: opaque_code
CREATE FUNCTION closed(t text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN t = 'closed'; END; $$
