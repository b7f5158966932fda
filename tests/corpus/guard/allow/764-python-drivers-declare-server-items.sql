-- allow
DECLARE "server side" SCROLL CURSOR FOR SELECT * FROM items WHERE id > $1
