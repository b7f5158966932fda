-- deny: server_administration
CREATE ACCESS METHOD m TYPE INDEX HANDLER h;
