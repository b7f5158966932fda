-- unhardened: opaque_code
DO 'BEGIN CREATE TYPE "public"."enum_users_role" AS ENUM(''a'', ''b''); EXCEPTION WHEN duplicate_object THEN null; END';
