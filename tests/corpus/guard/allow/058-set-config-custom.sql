-- allow
SELECT set_config('app.user_id', $1, true);
