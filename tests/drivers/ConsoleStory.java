// pgjdbc at the admin console, in each of its query modes. CONSOLE_HOST, CONSOLE_PORT, CONSOLE_USER and CONSOLE_PASSWORD say where,
// TENANT whom it shows.

import java.sql.*;
import java.util.*;

final class ConsoleStory {
    public static void main(String[] arguments) throws Exception {
        Map<String, String> env = System.getenv();
        String url = "jdbc:postgresql://" + env.get("CONSOLE_HOST") + ":" + env.get("CONSOLE_PORT") + "/pgtenant";
        for (String mode : List.of("simple", "extended", "extendedForPrepared", "extendedCacheEverything")) {
            Properties properties = new Properties();
            properties.setProperty("user", env.get("CONSOLE_USER"));
            properties.setProperty("password", env.get("CONSOLE_PASSWORD"));
            properties.setProperty("preferQueryMode", mode);
            properties.setProperty("prepareThreshold", "1");
            try (Connection connection = DriverManager.getConnection(url, properties)) {
                for (int again = 0; again < 3; again++) {
                    try (PreparedStatement show = connection.prepareStatement("SHOW POOLS"); ResultSet rows = show.executeQuery()) {
                        boolean found = false;
                        while (rows.next()) {
                            found |= rows.getString("database").equals(env.get("TENANT")) && rows.getInt("sv_idle") >= 0;
                        }
                        if (!found) {
                            throw new AssertionError(mode);
                        }
                    }
                }
                connection.setAutoCommit(false);
                try (Statement statement = connection.createStatement()) {
                    statement.execute("PAUSE " + env.get("TENANT"));
                    statement.execute("RESUME " + env.get("TENANT"));
                    try {
                        statement.execute("SELECT 1");
                        throw new AssertionError("SQL");
                    } catch (SQLException error) {
                        if (!"42601".equals(error.getSQLState())) {
                            throw error;
                        }
                    }
                }
                connection.rollback();
                System.out.println("ok: " + mode);
            }
        }
    }
}
