-- allow
UPDATE user_account SET data='{"a": {"b": 1}}'::JSONB, tags=ARRAY['x']::VARCHAR[] WHERE user_account.id = 2
