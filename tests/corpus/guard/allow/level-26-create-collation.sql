-- allow
CREATE COLLATION german (LOCALE = 'de_DE');
