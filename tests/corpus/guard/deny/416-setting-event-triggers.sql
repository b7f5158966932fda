-- deny: setting
SET event_triggers = off;
