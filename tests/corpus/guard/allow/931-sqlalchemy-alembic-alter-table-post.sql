-- allow
ALTER TABLE post ADD COLUMN note TEXT
