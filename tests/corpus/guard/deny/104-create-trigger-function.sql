-- deny: cross_schema
CREATE TRIGGER t BEFORE INSERT ON customers EXECUTE FUNCTION tenant_beta.f();
