-- allow

    UPDATE tenant_alpha.version SET cron_on = now()
    WHERE EXTRACT( EPOCH FROM (now() - COALESCE(cron_on, now() - interval '1 week') ) ) > $1
    RETURNING true
  
