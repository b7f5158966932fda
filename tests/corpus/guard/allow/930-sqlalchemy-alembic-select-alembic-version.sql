-- allow
SELECT alembic_version.version_num 
FROM alembic_version
