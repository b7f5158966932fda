-- unhardened: opaque_code
CREATE FUNCTION "touch"()
  RETURNS trigger
  AS $pga$BEGIN RETURN NEW; END$pga$
  VOLATILE
  LANGUAGE plpgsql;
