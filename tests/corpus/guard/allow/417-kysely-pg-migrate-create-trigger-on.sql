-- unhardened: opaque_code
CREATE TRIGGER "stamp"
  BEFORE UPDATE ON "things"
  FOR EACH ROW
  EXECUTE PROCEDURE "touch"();
