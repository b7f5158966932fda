-- allow
begin isolation level serializable read write deferrable
