-- allow
UPDATE "tenant_alpha"."users" SET "role"=$1,"updatedAt"=$2 WHERE "name" ILIKE 'a%' RETURNING "id","name","data","tags","role","born","range","key","createdAt","updatedAt"
