-- unhardened: opaque_code
CREATE TRIGGER touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION tenant_alpha.touch();
