-- allow
COMMENT ON TABLE users IS 'people'
