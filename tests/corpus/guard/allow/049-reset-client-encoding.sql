-- allow
RESET client_encoding; SET client_encoding TO DEFAULT; SET NAMES DEFAULT;
