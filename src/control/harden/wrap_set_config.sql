
BEGIN
    -- Inside SECURITY DEFINER PostgreSQL itself refuses to set role and session_authorization. A SET
    -- clause on this function would undo every setting at its end.
    RETURN pgtenant_guard.set_config($1, $2, $3);
END
