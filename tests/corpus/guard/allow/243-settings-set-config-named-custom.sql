-- unhardened: opaque_code
SELECT set_config(setting_name => 'app.x', new_value => 'y', is_local => true);
