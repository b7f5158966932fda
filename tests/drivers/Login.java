// pgjdbc logs in with TLS, verified, and says who it is.

import java.sql.*;
import java.util.*;

final class Login {
    public static void main(String[] arguments) throws Exception {
        Map<String, String> env = System.getenv();
        Properties properties = new Properties();
        properties.setProperty("user", env.get("LOGIN_USER"));
        properties.setProperty("password", env.get("LOGIN_PASSWORD"));
        // The name is one that only this test knows, see jdk.net.hosts.file.
        properties.setProperty("sslmode", "verify-full");
        properties.setProperty("sslrootcert", env.get("LOGIN_CA"));
        if (!env.get("LOGIN_OPTIONS").isEmpty()) {
            properties.setProperty("options", env.get("LOGIN_OPTIONS"));
        }
        if (!env.get("LOGIN_CERTIFICATE").isEmpty()) {
            properties.setProperty("sslcert", env.get("LOGIN_CERTIFICATE"));
            // It reads a key only in DER.
            properties.setProperty("sslkey", env.get("LOGIN_KEY") + ".pk8");
        }
        String url = "jdbc:postgresql://" + env.get("LOGIN_HOST") + ":" + env.get("LOGIN_PORT") + "/" + env.get("LOGIN_DATABASE");
        try (Connection connection = DriverManager.getConnection(url, properties);
             ResultSet row = connection.createStatement().executeQuery("SELECT current_user")) {
            row.next();
            System.out.println(row.getString(1));
        }
    }
}
