-- unhardened: opaque_code
SELECT set_config($1, $2, false);
