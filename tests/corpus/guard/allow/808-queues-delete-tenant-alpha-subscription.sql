-- allow

    DELETE FROM tenant_alpha.subscription
    WHERE event = $1 and name = $2
  
