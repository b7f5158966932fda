-- deny: cross_schema
SET default_text_search_config = 'tenant_beta.own';
