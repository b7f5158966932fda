-- allow
SET client_min_messages TO 'warning'; SET standard_conforming_strings = on; SET SESSION timezone TO 'UTC'; SET SESSION intervalstyle TO 'iso_8601'; SET SESSION statement_timeout TO 30000;
