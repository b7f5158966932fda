-- deny: setting
SET U&"trace\005Fsort" = on;
