-- shared: server_administration
CREATE EXTENSION IF NOT EXISTS "plpgsql";
