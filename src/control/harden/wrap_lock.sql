
DECLARE
    tenant pg_catalog.text := pgtenant_guard.tenant();
BEGIN
    IF tenant IS NULL THEN
        {return} pgtenant_guard.{name}({arguments});
    ELSE
        {return} pgtenant_guard.{name}(pgtenant_guard.salted(tenant, {key}));
    END IF;
END
