-- allow
SET client_encoding = 'utf-8'; SET client_encoding = unicode; SET NAMES 'UTF8';
