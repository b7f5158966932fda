-- allow
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM tickets
