-- allow
SET default_text_search_config = 'english'; SET default_text_search_config TO 'pg_catalog.german'; SET default_text_search_config = 'tenant_alpha.own';
