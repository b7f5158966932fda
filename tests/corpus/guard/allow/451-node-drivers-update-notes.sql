-- allow
UPDATE notes SET j = $1, "body"=$2 WHERE id = $3
