// pgjdbc as a tenant through the proxy. A line for each thing proved; story.py says what is in the environment.

import java.io.StringReader;
import java.io.StringWriter;
import java.net.URI;
import java.sql.*;
import java.util.*;
import java.util.concurrent.*;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;

final class JdbcStory {
    record Tenant(String dsn, String marker) {}
    interface Work { void run() throws Exception; }
    record Step(String words, Work work, boolean has) {}

    static final Map<String, String> ENV = System.getenv();
    static final Tenant ALPHA = new Tenant(ENV.get("DSN"), ENV.get("MARKER"));
    static final Tenant BETA = new Tenant(ENV.get("OTHER_DSN"), ENV.get("OTHER_MARKER"));
    static final int SERVER_CONNECTIONS = Integer.parseInt(ENV.get("SERVER_CONNECTIONS"));
    static final boolean LISTENS = "1".equals(ENV.get("LISTENS"));
    static final int CLIENTS = 8, TURNS = 10;
    static final long BEGIN = System.nanoTime();

    static void check(boolean held, String why) {
        if (!held) throw new AssertionError("FAILED: " + why);
    }

    static void equal(Object found, Object wanted, String what) {
        check(Objects.equals(found, wanted), what + ": " + found + ", not " + wanted);
    }

    static void fails(String state, Work work, String what) throws Exception {
        try {
            work.run();
        } catch (SQLException error) {
            SQLException last = error;
            while (last.getNextException() != null) last = last.getNextException();
            equal(last.getSQLState(), state, "SQLSTATE of " + what + " (" + last.getMessage() + ")");
            return;
        }
        check(false, what + ": no error");
    }

    static Connection open(Tenant tenant, String more) throws SQLException {
        URI url = URI.create(tenant.dsn);
        String[] user = url.getUserInfo().split(":");
        String jdbc = "jdbc:postgresql://" + url.getHost() + ":" + url.getPort() + url.getPath() + "?sslmode=disable" + more;
        return DriverManager.getConnection(jdbc, user[0], user[1]);
    }

    static List<Object> values(Connection db, String sql, Object... parameters) throws SQLException {
        try (PreparedStatement statement = db.prepareStatement(sql)) {
            for (int n = 0; n < parameters.length; n++) statement.setObject(n + 1, parameters[n]);
            List<Object> values = new ArrayList<>();
            if (statement.execute()) {
                ResultSet rows = statement.getResultSet();
                while (rows.next()) values.add(rows.getObject(1));
            }
            return values;
        }
    }

    static Object value(Connection db, String sql, Object... parameters) throws SQLException {
        List<Object> values = values(db, sql, parameters);
        equal(values.size(), 1, "rows of " + sql);
        return values.get(0);
    }

    static void run(Connection db, String sql) throws SQLException {
        try (Statement statement = db.createStatement()) {
            statement.execute(sql);
        }
    }

    static void own(List<?> bodies, Tenant tenant, String where) {
        check(bodies.contains(tenant.marker), where + ": " + tenant.marker + " is missing in " + bodies);
        for (Object body : bodies) {
            check(!body.toString().startsWith("marker of") || body.equals(tenant.marker), where + ": row of another tenant: " + body);
        }
    }

    static void rowsAreCreatedReadUpdatedAndDeleted(Connection db) throws Exception {
        run(db, "CREATE TABLE crud (id serial PRIMARY KEY, name text NOT NULL UNIQUE, tags text[])");
        try (PreparedStatement insert = db.prepareStatement("INSERT INTO crud (name, tags) VALUES (?, ?)", Statement.RETURN_GENERATED_KEYS)) {
            insert.setString(1, "ash");
            insert.setArray(2, db.createArrayOf("text", new Object[] {"a", "b"}));
            insert.executeUpdate();
            ResultSet keys = insert.getGeneratedKeys();
            keys.next();
            equal(keys.getInt(1), 1, "generated key");
        }
        try (Statement statement = db.createStatement()) {
            equal(statement.executeUpdate("UPDATE crud SET name = 'oak' WHERE id = 1"), 1, "UPDATE");
            statement.execute("SELECT 1; SELECT 2");
            check(statement.getMoreResults(), "two statements in one");
            ResultSet rows = statement.executeQuery("SELECT * FROM crud");
            rows.next();
            equal(Arrays.asList((Object[]) rows.getArray("tags").getArray()), List.of("a", "b"), "array");
        }
        try (Statement statement = db.createStatement(ResultSet.TYPE_SCROLL_SENSITIVE, ResultSet.CONCUR_UPDATABLE)) {
            ResultSet rows = statement.executeQuery("SELECT id, name FROM crud");
            rows.next();
            rows.updateString("name", "elm");
            rows.updateRow();
        }
        equal(values(db, "DELETE FROM crud WHERE id = ? RETURNING name", 1), List.of("elm"), "DELETE");
        own(values(db, "SELECT body FROM notes"), ALPHA, "notes");
    }

    static void transactionsAndSavepoints(Connection db) throws Exception {
        db.setAutoCommit(false);
        values(db, "INSERT INTO crud (name) VALUES (?)", "kept");
        Savepoint point = db.setSavepoint("part");
        fails("23505", () -> values(db, "INSERT INTO crud (name) VALUES (?)", "kept"), "a unique constraint");
        fails("25P02", () -> value(db, "SELECT 1"), "a statement after an error");
        db.rollback(point);
        db.releaseSavepoint(db.setSavepoint());
        db.commit();
        values(db, "DELETE FROM crud");
        db.rollback();
        db.setAutoCommit(true);
        equal(value(db, "SELECT count(*) FROM crud"), 1L, "after ROLLBACK");
        for (int level : new int[] {Connection.TRANSACTION_SERIALIZABLE, Connection.TRANSACTION_REPEATABLE_READ, Connection.TRANSACTION_READ_COMMITTED}) {
            db.setTransactionIsolation(level);
            equal(db.getTransactionIsolation(), level, "isolation level");
        }
        db.setReadOnly(true);
        db.setAutoCommit(false);
        fails("25006", () -> values(db, "DELETE FROM crud"), "a read-only transaction");
        db.rollback();
        db.setAutoCommit(true);
        db.setReadOnly(false);
    }

    /** From the fifth use on, pgjdbc prepares on the server. */
    static void statementsPastTheThreshold(Connection db) throws Exception {
        try (PreparedStatement plus = db.prepareStatement("SELECT ?::int + 1"); PreparedStatement quotient = db.prepareStatement("SELECT 6 / ?::int")) {
            for (int n = 0; n < 20; n++) {
                plus.setInt(1, n);
                ResultSet rows = plus.executeQuery();
                rows.next();
                equal(rows.getInt(1), n + 1, "prepared statement");
                quotient.setInt(1, n % 2);
                if (n % 2 == 0) fails("22012", quotient::executeQuery, "a prepared statement");
                else quotient.executeQuery();
            }
        }
        for (int n = 0; n < 300; n++) {
            // More texts than its cache holds: it closes the oldest.
            for (int turn = 0; turn < 2; turn++) equal(value(db, "SELECT ?::int + " + n, 1), n + 1, "statement cache");
        }
        try (Connection cached = open(ALPHA, "&prepareThreshold=1&preparedStatementCacheQueries=2&autosave=always")) {
            for (int n = 0; n < 30; n++) equal(value(cached, "SELECT ?::int + " + n % 5, n), n + n % 5, "threshold 1");
            cached.setAutoCommit(false);
            fails("22012", () -> value(cached, "SELECT 1 / ?::int", 0), "autosave");
            equal(value(cached, "SELECT ?::int", 7), 7, "after an error with autosave");
            cached.commit();
        }
        for (String mode : new String[] {"simple", "extendedForPrepared", "extendedCacheEverything"}) {
            try (Connection other = open(ALPHA, "&preferQueryMode=" + mode)) {
                for (int n = 0; n < 8; n++) equal(value(other, "SELECT ?::int", n), n, mode);
            }
        }
    }

    static void batches(Connection db) throws Exception {
        run(db, "CREATE TABLE goods (id int, name text)");
        try (PreparedStatement insert = db.prepareStatement("INSERT INTO goods VALUES (?, ?)")) {
            for (int n = 0; n < 1000; n++) {
                insert.setInt(1, n);
                insert.setString(2, "good " + n);
                insert.addBatch();
            }
            equal(insert.executeBatch().length, 1000, "batch");
            insert.setInt(1, 1000);
            insert.setString(2, "x");
            insert.addBatch();
            insert.addBatch();
            insert.executeBatch();
        }
        try (Statement mixed = db.createStatement()) {
            mixed.addBatch("UPDATE goods SET name = 'y' WHERE id = 1000");
            mixed.addBatch("DELETE FROM goods WHERE id = 1000");
            equal(Arrays.toString(mixed.executeBatch()), "[2, 2]", "mixed batch");
            mixed.addBatch("INSERT INTO goods VALUES (-1, 'undone')");
            mixed.addBatch("SELECT 1 / 0");
            mixed.addBatch("INSERT INTO goods VALUES (-2, 'undone')");
            fails("22012", mixed::executeBatch, "a batch");
        }
        try (Connection rewritten = open(ALPHA, "&reWriteBatchedInserts=true"); PreparedStatement insert = rewritten.prepareStatement("INSERT INTO goods VALUES (?, 'z')")) {
            for (int n = 0; n < 500; n++) {
                insert.setInt(1, 2000 + n);
                insert.addBatch();
            }
            insert.executeBatch();
        }
        equal(value(db, "SELECT count(*) FROM goods"), 1500L, "rows of all batches");
    }

    static void copiesBothWays(Connection db) throws Exception {
        CopyManager copy = db.unwrap(PGConnection.class).getCopyAPI();
        StringBuilder lines = new StringBuilder();
        for (int n = 5000; n < 15000; n++) lines.append(n).append("\tcopied\n");
        equal(copy.copyIn("COPY goods FROM STDIN", new StringReader(lines.toString())), 10000L, "COPY in");
        StringWriter out = new StringWriter();
        equal(copy.copyOut("COPY (SELECT id FROM goods ORDER BY id DESC LIMIT 2) TO STDOUT", out), 2L, "COPY out");
        equal(out.toString(), "14999\n14998\n", "COPY out");
        fails("22P02", () -> copy.copyIn("COPY goods FROM STDIN", new StringReader("x\n")), "COPY of what is no row");
        var broken = copy.copyIn("COPY goods FROM STDIN");
        broken.writeToCopy("1\tlost\n".getBytes(), 0, 7);
        broken.cancelCopy();
        equal(value(db, "SELECT count(*) FROM goods"), 11500L, "after COPY that failed");
    }

    static void rowsInPortions(Connection db) throws Exception {
        db.setAutoCommit(false);
        try (Statement statement = db.createStatement()) {
            statement.setFetchSize(100);
            ResultSet rows = statement.executeQuery("SELECT id FROM goods ORDER BY id");
            int count = 0;
            while (rows.next()) count++;
            equal(count, 11500, "rows by fetch size");
            ResultSet left = statement.executeQuery("SELECT id FROM goods");
            left.next();
            left.close();
        }
        db.commit();
        db.setAutoCommit(true);
        try (Statement statement = db.createStatement()) {
            statement.setMaxRows(7);
            ResultSet rows = statement.executeQuery("SELECT id FROM goods");
            int count = 0;
            while (rows.next()) count++;
            equal(count, 7, "rows by a limit");
        }
    }

    static void cancels(Connection db) throws Exception {
        try (Statement statement = db.createStatement()) {
            statement.setQueryTimeout(1);
            fails("57014", () -> statement.execute("SELECT pg_sleep(60)"), "a query past its time");
            statement.setQueryTimeout(0);
            ExecutorService other = Executors.newSingleThreadExecutor();
            Future<?> done = other.submit(() -> {
                try (Connection watcher = open(ALPHA, "")) {
                    String runs = "SELECT 1 FROM pg_stat_activity WHERE usename = session_user AND wait_event = 'PgSleep' AND query = 'SELECT pg_sleep(61)'";
                    while (values(watcher, runs).isEmpty()) { }
                    statement.cancel();
                }
                return null;
            });
            fails("57014", () -> statement.execute("SELECT pg_sleep(61)"), "a cancelled query");
            done.get();
            other.shutdown();
        }
        equal(value(db, "SELECT 'usable'"), "usable", "after a cancel");
    }

    static void errorsLeaveTheConnectionUsable(Connection db) throws Exception {
        String[][] cases = {{"SELEC 1", "42601"}, {"SELECT * FROM nowhere", "42P01"}, {"INSERT INTO crud (name) VALUES (NULL)", "23502"},
            {"SELECT 1 / 0", "22012"}, {"SELECT 'x'::int", "22P02"}, {"SELECT * FROM tenant_of_somebody_else.notes", "42501"}};
        for (String[] one : cases) {
            fails(one[1], () -> values(db, one[0]), one[0]);
            fails(one[1], () -> run(db, one[0]), one[0]);
            equal(value(db, "SELECT ?::int", 1), 1, "after " + one[0]);
        }
    }

    static void settings(Connection db) throws Exception {
        try (Connection set = open(ALPHA, "&ApplicationName=a%20story&options=-c%20lock_timeout=4321")) {
            String schema = set.getSchema();
            set.setSchema(schema);
            equal(value(set, "SELECT current_setting('search_path')"), schema, "search_path");
            equal(value(set, "SHOW lock_timeout"), "4321ms", "from its options");
            set.setClientInfo("ApplicationName", "another");
            equal(value(set, "SHOW application_name"), "another", "application_name");
            run(set, "SET TIME ZONE 'Asia/Tokyo'");
            value(db, "SELECT 1");
            equal(value(set, "SHOW TimeZone"), "Asia/Tokyo", "its time zone");
            check(set.isValid(5), "isValid");
        }
        equal(value(db, "SHOW lock_timeout"), "0", "another client's");
        try (Connection own = open(ALPHA, "&currentSchema=global")) {
            equal(value(own, "SHOW search_path"), "global", "currentSchema");
        }
    }

    static void metadata(Connection db) throws Exception {
        DatabaseMetaData meta = db.getMetaData();
        Set<String> names = new TreeSet<>();
        ResultSet tables = meta.getTables(null, db.getSchema(), "%", new String[] {"TABLE"});
        while (tables.next()) names.add(tables.getString("TABLE_NAME"));
        check(names.containsAll(Set.of("crud", "goods", "notes")), "tables: " + names);
        ResultSet keys = meta.getPrimaryKeys(null, null, "crud");
        keys.next();
        equal(keys.getString("COLUMN_NAME"), "id", "primary key");
        meta.getColumns(null, null, "crud", "%").close();
        meta.getIndexInfo(null, null, "crud", false, false).close();
        meta.getTypeInfo().close();
    }

    static void tablesThatChangeUnderPreparedStatements(Connection db) throws Exception {
        try (Connection other = open(ALPHA, ""); Connection mine = open(ALPHA, "&prepareThreshold=1")) {
            run(mine, "CREATE TABLE changing (a int); INSERT INTO changing VALUES (1)");
            try (PreparedStatement select = mine.prepareStatement("SELECT * FROM changing WHERE a = ?")) {
                for (int turn = 0; turn < 10; turn++) {
                    select.setInt(1, 1);
                    ResultSet rows = select.executeQuery();
                    check(rows.next(), "a row");
                    equal(rows.getMetaData().getColumnCount(), turn < 4 ? 1 : turn < 7 ? 2 : 3, "columns");
                    if (turn == 3) run(other, "ALTER TABLE changing ADD b int");
                    if (turn == 6) run(mine, "ALTER TABLE changing ADD c int");
                }
            }
        }
    }

    static void listensAndNotifies(Connection db) throws Exception {
        try (Connection listener = open(ALPHA, ""); Connection stranger = open(BETA, "")) {
            run(listener, "LISTEN news");
            run(stranger, "LISTEN news");
            run(db, "NOTIFY news, 'first'");
            value(db, "SELECT pg_notify('news', ?) IS NULL", "second");
            List<String> heard = new ArrayList<>();
            long patience = System.nanoTime() + 10_000_000_000L;
            while (heard.size() < 2 && System.nanoTime() < patience) {
                PGNotification[] news = listener.unwrap(PGConnection.class).getNotifications(1000);
                if (news != null) for (PGNotification one : news) heard.add(one.getParameter());
            }
            equal(heard, List.of("first", "second"), "what was heard");
            PGNotification[] strange = stranger.unwrap(PGConnection.class).getNotifications(100);
            check(strange == null || strange.length == 0, "another tenant heard it");
        }
    }

    static void threadsShareFewServerConnections(Connection db) throws Exception {
        CyclicBarrier together = new CyclicBarrier(2 * CLIENTS);
        ExecutorService threads = Executors.newFixedThreadPool(2 * CLIENTS);
        Map<Tenant, List<Future<Set<Object>>>> work = new LinkedHashMap<>();
        for (Tenant tenant : List.of(ALPHA, BETA)) {
            try (Connection first = open(tenant, "")) {
                run(first, "CREATE TABLE shared (name text)");
            }
            List<Future<Set<Object>>> clients = new ArrayList<>();
            for (int n = 0; n < CLIENTS; n++) {
                int number = n;
                clients.add(threads.submit(() -> client(tenant, number, together)));
            }
            work.put(tenant, clients);
        }
        for (var each : work.entrySet()) {
            Map<Object, Integer> met = new HashMap<>();
            for (Future<Set<Object>> one : each.getValue()) for (Object pid : one.get()) met.merge(pid, 1, Integer::sum);
            check(met.size() <= SERVER_CONNECTIONS, met.size() + " server processes served " + CLIENTS + " clients");
            check(Collections.max(met.values()) > 1, "nobody shared: " + met);
            try (Connection last = open(each.getKey(), "")) {
                List<Object> names = values(last, "SELECT DISTINCT name FROM shared");
                equal(names.size(), CLIENTS * TURNS, "rows written by all");
                for (Object name : names) check(name.toString().startsWith(each.getKey().marker), "row of another tenant: " + name);
            }
        }
        threads.shutdown();
    }

    static Set<Object> client(Tenant tenant, int number, CyclicBarrier together) throws Exception {
        Set<Object> pids = new HashSet<>();
        try (Connection db = open(tenant, "&prepareThreshold=2")) {
            together.await(30, TimeUnit.SECONDS);
            db.setAutoCommit(false);
            for (int turn = 0; turn < TURNS; turn++) {
                pids.add(value(db, "SELECT pg_backend_pid()"));
                values(db, "INSERT INTO shared VALUES (?)", tenant.marker + " " + number + " " + turn);
                own(values(db, "SELECT body FROM notes"), tenant, "client " + number);
                db.commit();
            }
        }
        return pids;
    }

    static void temporaryTablesAndCursorsThatAreHeld(Connection db) throws Exception {
        run(db, "CREATE TEMP TABLE mine AS SELECT 1 AS a");
        equal(value(db, "TABLE mine"), 1, "its temporary table");
        run(db, "DROP TABLE mine");
        value(db, "SELECT pg_advisory_lock(?) IS NULL", 42);
        equal(value(db, "SELECT pg_advisory_unlock(?)", 42), true, "its lock");
        run(db, "DECLARE held CURSOR WITH HOLD FOR SELECT id FROM goods ORDER BY id");
        equal(value(db, "FETCH 1 FROM held"), 0, "cursor WITH HOLD");
        run(db, "CLOSE held");
    }

    public static void main(String[] arguments) throws Exception {
        Thread late = new Thread(() -> {
            try {
                Thread.sleep(60_000);
                Thread.getAllStackTraces().forEach((thread, trace) -> System.err.println(thread + " " + Arrays.toString(trace)));
                Runtime.getRuntime().halt(1);
            } catch (InterruptedException done) { }
        });
        late.setDaemon(true);
        late.start();
        Class.forName("org.postgresql.Driver");
        Connection db = open(ALPHA, "");
        System.out.println("client: pgjdbc " + db.getMetaData().getDriverVersion() + ", Java " + System.getProperty("java.version"));
        tell(List.of(
            new Step("rows are created, read, updated and deleted", () -> rowsAreCreatedReadUpdatedAndDeleted(db), true),
            new Step("transactions and savepoints", () -> transactionsAndSavepoints(db), true),
            new Step("statements past the threshold", () -> statementsPastTheThreshold(db), true),
            new Step("batches", () -> batches(db), true),
            new Step("COPY both ways, and one that fails", () -> copiesBothWays(db), true),
            new Step("rows in portions", () -> rowsInPortions(db), true),
            new Step("cancel, and a time limit", () -> cancels(db), true),
            new Step("errors leave the connection usable", () -> errorsLeaveTheConnectionUsable(db), true),
            new Step("settings", () -> settings(db), true),
            new Step("metadata", () -> metadata(db), true),
            new Step("tables that change under prepared statements", () -> tablesThatChangeUnderPreparedStatements(db), true),
            new Step("LISTEN and NOTIFY", () -> listensAndNotifies(db), LISTENS),
            new Step("threads share few server connections", () -> threadsShareFewServerConnections(db), true)));
        System.out.println("== ordinary work is done");
        System.in.read();
        tell(List.of(new Step("temporary tables, advisory locks, cursors WITH HOLD", () -> temporaryTablesAndCursorsThatAreHeld(db), true)));
        db.close();
        System.exit(0);
    }

    static void tell(List<Step> steps) throws Exception {
        for (Step step : steps) {
            if (!step.has) continue;
            step.work.run();
            System.out.printf("ok: %s (at %.1f s)%n", step.words, (System.nanoTime() - BEGIN) / 1e9);
        }
    }
}
