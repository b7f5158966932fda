// pgjdbc: connection settings, DatabaseMetaData, statements, cursors, batches, COPY.

import java.sql.*;
import java.util.*;

final class pgjdbc {
    interface Work { void run() throws Exception; }

    static void step(String name, Work work) {
        try {
            work.run();
            System.out.println("ok " + name);
        } catch (Exception error) {
            System.out.println("FAIL " + name + ": " + String.valueOf(error.getMessage()).replaceAll("\\s+", " "));
        }
    }

    static void drain(ResultSet rows) throws SQLException {
        while (rows.next()) { }
        rows.close();
    }

    static Connection open(String more) throws SQLException {
        Map<String, String> e = System.getenv();
        String url = "jdbc:postgresql://127.0.0.1:" + e.get("PGPORT") + "/" + e.get("PGDATABASE") + "?sslmode=disable" + more;
        return DriverManager.getConnection(url, e.get("PGUSER"), e.get("PGPASSWORD"));
    }

    public static void main(String[] arguments) throws Exception {
        Class.forName("org.postgresql.Driver");
        Connection db = open("&ApplicationName=app&options=-c%20statement_timeout=20000");
        Statement s = db.createStatement();
        step("create", () -> s.execute("CREATE TYPE mood AS ENUM ('a'); CREATE TABLE users (id serial PRIMARY KEY, name text UNIQUE, m mood, tags text[]); CREATE TABLE posts (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, u int REFERENCES users); CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS 'SELECT a'; CREATE VIEW v AS SELECT id FROM users"));
        DatabaseMetaData m = db.getMetaData();
        for (String schema : new String[] {null, "tenant_alpha", "tenant\\_alpha"}) {
            String l = " " + schema;
            step("getTables" + l, () -> drain(m.getTables(null, schema, "%", new String[] {"TABLE", "VIEW", "PARTITIONED TABLE", "SEQUENCE", "MATERIALIZED VIEW", "FOREIGN TABLE"})));
            step("getTables all" + l, () -> drain(m.getTables("app", schema, "users", null)));
            step("getColumns" + l, () -> drain(m.getColumns(null, schema, "users", "%")));
            step("getPrimaryKeys" + l, () -> drain(m.getPrimaryKeys(null, schema, "users")));
            step("getImportedKeys" + l, () -> drain(m.getImportedKeys(null, schema, "posts")));
            step("getExportedKeys" + l, () -> drain(m.getExportedKeys(null, schema, "users")));
            step("getCrossReference" + l, () -> drain(m.getCrossReference(null, schema, "users", null, schema, "posts")));
            step("getIndexInfo" + l, () -> drain(m.getIndexInfo(null, schema, "users", false, true)));
            step("getBestRowIdentifier" + l, () -> drain(m.getBestRowIdentifier(null, schema, "users", 0, true)));
            step("getVersionColumns" + l, () -> drain(m.getVersionColumns(null, schema, "users")));
            step("getTablePrivileges" + l, () -> drain(m.getTablePrivileges(null, schema, "users")));
            step("getColumnPrivileges" + l, () -> drain(m.getColumnPrivileges(null, schema, "users", "%")));
            step("getProcedures" + l, () -> drain(m.getProcedures(null, schema, "%")));
            step("getProcedureColumns" + l, () -> drain(m.getProcedureColumns(null, schema, "f", "%")));
            step("getFunctions" + l, () -> drain(m.getFunctions(null, schema, "%")));
            step("getFunctionColumns" + l, () -> drain(m.getFunctionColumns(null, schema, "f", "%")));
            step("getUDTs" + l, () -> drain(m.getUDTs(null, schema, "%", new int[] {Types.DISTINCT, Types.STRUCT})));
        }
        step("getSchemas", () -> { drain(m.getSchemas()); drain(m.getSchemas(null, "tenant%")); });
        step("getCatalogs", () -> { drain(m.getCatalogs()); drain(m.getTableTypes()); drain(m.getTypeInfo()); drain(m.getClientInfoProperties()); m.getSQLKeywords(); m.getMaxColumnNameLength(); m.getUserName(); m.getDefaultTransactionIsolation(); });
        step("schema", () -> { db.getSchema(); db.setSchema("tenant_alpha"); db.setClientInfo("ApplicationName", "other"); db.getCatalog(); db.isValid(2); });
        step("read only", () -> { db.setReadOnly(true); db.setAutoCommit(false); drain(s.executeQuery("SELECT 1")); db.commit(); db.setAutoCommit(true); db.setReadOnly(false); });
        step("isolation", () -> { db.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE); db.getTransactionIsolation(); db.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED); });
        step("keys", () -> { PreparedStatement p = db.prepareStatement("INSERT INTO users (name, tags) VALUES (?, ?)", Statement.RETURN_GENERATED_KEYS); p.setString(1, "Ada"); p.setArray(2, db.createArrayOf("text", new String[] {"x"})); p.executeUpdate(); drain(p.getGeneratedKeys()); p = db.prepareStatement("INSERT INTO users (name) VALUES (?)", new String[] {"id"}); p.setString(1, "Bo"); p.executeUpdate(); });
        step("server prepared", () -> { PreparedStatement p = db.prepareStatement("SELECT * FROM users WHERE id = ?"); for (int n = 0; n < 8; n++) { p.setInt(1, n); drain(p.executeQuery()); } p.getParameterMetaData(); ResultSetMetaData r = p.getMetaData(); r.isAutoIncrement(1); r.isNullable(1); ((org.postgresql.PGResultSetMetaData) r).getBaseTableName(1); });
        step("batch", () -> { Connection c = open("&reWriteBatchedInserts=true"); PreparedStatement p = c.prepareStatement("INSERT INTO users (name) VALUES (?)"); for (int n = 0; n < 7; n++) { p.setString(1, "n" + n); p.addBatch(); } p.executeBatch(); c.close(); });
        step("fetch size", () -> { db.setAutoCommit(false); Statement t = db.createStatement(); t.setFetchSize(2); drain(t.executeQuery("SELECT * FROM users")); Savepoint a = db.setSavepoint(), b = db.setSavepoint("named"); db.rollback(b); db.releaseSavepoint(a); db.commit(); db.setAutoCommit(true); });
        step("call", () -> { CallableStatement c = db.prepareCall("{? = call f(?)}"); c.registerOutParameter(1, Types.INTEGER); c.setInt(2, 1); c.execute(); drain(s.executeQuery("SELECT {fn concat('a', 'b')}, {d '2024-01-01'}, {fn now()}")); });
        step("updatable", () -> { Statement t = db.createStatement(ResultSet.TYPE_SCROLL_INSENSITIVE, ResultSet.CONCUR_UPDATABLE); ResultSet r = t.executeQuery("SELECT id, name FROM users ORDER BY id"); r.next(); r.updateString("name", "Z"); r.updateRow(); r.refreshRow(); r.last(); r.deleteRow(); r.moveToInsertRow(); r.updateString("name", "new"); r.updateInt("id", 900); r.insertRow(); });
        step("types", () -> { ResultSet r = s.executeQuery("SELECT m, tags, NULL::mood[], NULL::users FROM users"); ResultSetMetaData d = r.getMetaData(); for (int n = 1; n <= 4; n++) { d.getColumnTypeName(n); d.getColumnClassName(n); } r.next(); r.getArray(2).getArray(); ((org.postgresql.PGConnection) db).getReplicationAPI(); });
        step("copy", () -> { org.postgresql.copy.CopyManager c = ((org.postgresql.PGConnection) db).getCopyAPI(); c.copyIn("COPY users (name) FROM STDIN", new java.io.StringReader("c1\nc2\n")); c.copyOut("COPY users TO STDOUT", new java.io.StringWriter()); });
        step("escape setting", () -> { org.postgresql.PGConnection p = (org.postgresql.PGConnection) db; p.escapeIdentifier("x"); p.setPrepareThreshold(-1); PreparedStatement b = db.prepareStatement("SELECT ?::int"); b.setInt(1, 1); drain(b.executeQuery()); });
        for (String mode : new String[] {"simple", "extendedForPrepared", "extendedCacheEverything"}) {
            step("mode " + mode, () -> { Connection c = open("&preferQueryMode=" + mode + "&autosave=always&currentSchema=tenant_alpha,global"); c.setAutoCommit(false); PreparedStatement p = c.prepareStatement("SELECT * FROM users WHERE name = ? LIMIT 1"); p.setString(1, "it's"); drain(p.executeQuery()); try { c.createStatement().execute("SELECT 1/0"); } catch (SQLException expected) { } drain(p.executeQuery()); c.commit(); c.close(); });
        }
        step("read only always", () -> { Connection c = open("&readOnlyMode=always&readOnly=true"); drain(c.createStatement().executeQuery("SELECT 1")); c.close(); });
        step("target", () -> { open("&targetServerType=primary&loginTimeout=10&assumeMinServerVersion=12").close(); });
        step("large object", () -> { db.setAutoCommit(false); try { org.postgresql.largeobject.LargeObjectManager l = ((org.postgresql.PGConnection) db).getLargeObjectAPI(); l.delete(l.createLO()); } finally { db.rollback(); db.setAutoCommit(true); } });
        step("xa", () -> { org.postgresql.xa.PGXADataSource x = new org.postgresql.xa.PGXADataSource(); x.setUrl("jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE") + "?sslmode=disable"); x.setUser(System.getenv("PGUSER")); x.setPassword(System.getenv("PGPASSWORD")); javax.sql.XAConnection c = x.getXAConnection(); c.getXAResource().recover(javax.transaction.xa.XAResource.TMSTARTRSCAN); c.close(); });
        step("abort", () -> db.abort(Runnable::run));
    }
}
