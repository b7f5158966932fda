-- allow
SELECT * FROM global.plans JOIN customers USING (id);
