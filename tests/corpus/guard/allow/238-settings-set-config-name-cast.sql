-- unhardened: opaque_code
SELECT set_config('app.x'::varchar(4), 'y', false);
