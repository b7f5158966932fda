-- deny: cross_schema
ALTER TABLE events ATTACH PARTITION tenant_beta.events_1 DEFAULT;
