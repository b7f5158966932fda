-- allow
CREATE TYPE "tenant_alpha"."user_role_enum" AS ENUM('a', 'b')
