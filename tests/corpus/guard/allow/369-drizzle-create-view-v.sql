-- allow

CREATE VIEW "v" AS (select "id" from "users");
