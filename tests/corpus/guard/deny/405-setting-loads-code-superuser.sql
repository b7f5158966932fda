-- deny: setting
SET LOCAL session_preload_libraries = 'x';
