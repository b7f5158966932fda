-- deny: cross_schema
CREATE TYPE "public"."role" AS ENUM('a', 'b');
