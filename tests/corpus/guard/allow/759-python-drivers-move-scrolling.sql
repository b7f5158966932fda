-- allow
MOVE 1 FROM "scrolling"
