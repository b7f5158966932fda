-- allow
DELETE FROM tickets t USING customers c WHERE c.id = t.customer_id;
