-- unhardened: opaque_code
CALL close_month();
