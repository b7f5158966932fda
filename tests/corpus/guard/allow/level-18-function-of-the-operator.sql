-- allow
SELECT global.total(7);
