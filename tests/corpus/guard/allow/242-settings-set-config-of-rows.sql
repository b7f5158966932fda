-- unhardened: opaque_code
SELECT set_config(k, v, true) FROM (VALUES ('app.a', '1'), ('app.b', '2')) AS s(k, v);
