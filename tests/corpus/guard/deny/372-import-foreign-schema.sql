-- deny: server_administration
IMPORT FOREIGN SCHEMA x FROM SERVER s INTO tenant_alpha;
