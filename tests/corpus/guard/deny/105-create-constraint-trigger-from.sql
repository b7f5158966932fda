-- deny: cross_schema
CREATE CONSTRAINT TRIGGER t AFTER INSERT ON customers FROM tenant_beta.customers FOR EACH ROW EXECUTE FUNCTION f();
