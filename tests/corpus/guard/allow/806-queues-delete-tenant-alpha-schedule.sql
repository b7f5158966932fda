-- allow

    DELETE FROM tenant_alpha.schedule
    WHERE name = $1
  
