-- deny: server_administration
CREATE SCHEMA IF NOT EXISTS "drizzle"
