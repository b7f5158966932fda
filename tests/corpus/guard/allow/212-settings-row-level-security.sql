-- allow
SET app.user_id = '42'; SELECT set_config('app.tenant', $1, true), set_config('request.jwt.claims', $2, true), set_config('hasura.user', $3, true);
