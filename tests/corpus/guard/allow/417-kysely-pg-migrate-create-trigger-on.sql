-- allow
CREATE TRIGGER "stamp"
  BEFORE UPDATE ON "things"
  FOR EACH ROW
  EXECUTE PROCEDURE "touch"();
