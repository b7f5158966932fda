-- allow
CREATE OR REPLACE VIEW report AS SELECT c.name, t.state, t.id FROM customers c JOIN tickets t ON t.customer = c.id
