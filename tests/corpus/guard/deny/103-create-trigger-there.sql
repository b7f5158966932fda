-- deny: cross_schema
CREATE TRIGGER t BEFORE INSERT ON tenant_beta.customers EXECUTE FUNCTION f();
