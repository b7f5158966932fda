-- allow

    WITH results AS (
      UPDATE tenant_alpha.job
      SET completed_on = now(),
        state = 'completed',
        output = $3::jsonb
      WHERE name = $1
        AND id IN (SELECT UNNEST($2::uuid[]))
        AND state = 'active'
      RETURNING *
    )
    SELECT COUNT(*) FROM results
  
