-- deny: cross_schema
SELECT set_config('Default_Text_Search_Config', '"tenant_beta".own', true);
