-- deny: setting
SET wal_sender_timeout = 0;
