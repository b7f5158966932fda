-- deny: unparsable
SELEC 1;
