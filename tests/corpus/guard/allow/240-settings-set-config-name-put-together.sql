-- unhardened: opaque_code
SELECT set_config('app.' || 'x', 'y', false);
