-- allow
MOVE ABSOLUTE 0 FROM "server side"
