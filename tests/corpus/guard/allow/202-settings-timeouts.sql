-- allow
SET statement_timeout = '30s'; SET lock_timeout TO 5000; SET LOCAL idle_in_transaction_session_timeout = '1min'; SET idle_session_timeout = 0; SET transaction_timeout = '5min';
