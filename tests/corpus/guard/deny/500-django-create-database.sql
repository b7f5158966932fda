-- deny: server_administration
CREATE DATABASE "test_app" 
