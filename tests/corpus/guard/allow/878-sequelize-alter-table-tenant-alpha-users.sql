-- allow
ALTER TABLE "tenant_alpha"."users" ALTER COLUMN "name" SET NOT NULL;ALTER TABLE "tenant_alpha"."users" ALTER COLUMN "name" DROP DEFAULT;ALTER TABLE "tenant_alpha"."users"  ADD UNIQUE ("name");ALTER TABLE "tenant_alpha"."users" ALTER COLUMN "name" TYPE VARCHAR(255)  ;
