-- allow
CREATE INDEX "users_role" ON "tenant_alpha"."users" ("role") WHERE "role" = 'a'
