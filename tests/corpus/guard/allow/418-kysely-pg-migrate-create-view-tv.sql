-- allow
CREATE VIEW "tv" AS SELECT id FROM things;
