-- allow
SET client_encoding TO 'UTF8';
