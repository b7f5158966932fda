-- unhardened: opaque_code
CREATE TRIGGER t BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION pg_temp.f();
