-- unhardened: opaque_code
CREATE TRIGGER t BEFORE UPDATE OF name, email ON customers FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION touch();
