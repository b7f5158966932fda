-- Registry, version 8: what outlives a master key, and which key the roles' passwords are derived from.
-- password_key is the mark of a key; NULL where a password was set before this version, or never.
ALTER TABLE pgtenant.tenants ADD COLUMN password_key text CHECK (password_key COLLATE "C" ~ '^[0-9a-f]{16}$');
ALTER TABLE pgtenant.installation
    -- Of the registry's reader and the pool role, and of the role of spare connections.
    ADD COLUMN password_key text CHECK (password_key COLLATE "C" ~ '^[0-9a-f]{16}$'),
    ADD COLUMN spare_password_key text CHECK (spare_password_key COLLATE "C" ~ '^[0-9a-f]{16}$'),
    -- The secret behind the answers to unknown users, sealed with the master key.
    ADD COLUMN decoy_secret bytea;
