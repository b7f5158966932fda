-- allow
BEGIN;
