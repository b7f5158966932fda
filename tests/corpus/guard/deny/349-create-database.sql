-- deny: server_administration
CREATE DATABASE x;
