-- allow
SELECT set_config('transaction_isolation', 'serializable', true);
