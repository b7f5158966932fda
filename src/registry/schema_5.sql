-- Registry, version 5: the role that spare server connections log in as, until they are bound to a tenant by set_session_auth
-- of the extension set_user. NULL before `pgtenant init` has made it.
ALTER TABLE pgtenant.installation ADD COLUMN spare_role text;
