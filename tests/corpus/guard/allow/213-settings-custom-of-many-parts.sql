-- allow
SET LOCAL request.jwt.claim.sub = 'x'; SET "My.Setting" TO 'y'; SET "app"."user id" = 'z';
