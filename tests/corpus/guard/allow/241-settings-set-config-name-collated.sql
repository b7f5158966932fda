-- unhardened: opaque_code
SELECT set_config('app.x' COLLATE "C", 'y', false);
