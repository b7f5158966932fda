-- allow

    SELECT name FROM tenant_alpha.subscription
    WHERE event = $1
  
