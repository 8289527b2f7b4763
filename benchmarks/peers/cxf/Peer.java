import jakarta.jws.WebMethod;
import jakarta.jws.WebParam;
import jakarta.jws.WebService;
import jakarta.xml.ws.Endpoint;
import java.net.ServerSocket;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.UUID;

/** Apache CXF on Jetty, as its samples have it, with SQLite by JDBC. Prints the number of its port. */
public class Peer {
    private static final String NAMESPACE = "urn:plain";

    /** What is compared of our operations. Each thread has a connection, as durable as the server's. */
    @WebService(targetNamespace = NAMESPACE, serviceName = "Activities")
    public static class Activities {
        private final ThreadLocal<Connection> connections;

        public Activities(String file) throws SQLException {
            connections = ThreadLocal.withInitial(() -> connect(file));
            try (Statement statement = connections.get().createStatement()) {
                statement.execute("CREATE TABLE activity (id TEXT PRIMARY KEY, service TEXT, phase TEXT)");
            }
        }

        private static Connection connect(String file) {
            try {
                Connection made = DriverManager.getConnection("jdbc:sqlite:" + file);
                try (Statement statement = made.createStatement()) {
                    statement.execute("PRAGMA busy_timeout=30000");
                    statement.execute("PRAGMA journal_mode=WAL");
                    statement.execute("PRAGMA synchronous=FULL");
                }
                return made;
            } catch (SQLException failure) {
                throw new IllegalStateException(failure);
            }
        }

        @WebMethod(operationName = "create_activity")
        public String create(@WebParam(name = "service", targetNamespace = NAMESPACE) String service)
                throws SQLException {
            String id = UUID.randomUUID().toString();
            String sql = "INSERT INTO activity VALUES (?, ?, 'Queued')";
            try (PreparedStatement insert = connections.get().prepareStatement(sql)) {
                insert.setString(1, id);
                insert.setString(2, service);
                insert.executeUpdate();
            }
            return id;
        }

        @WebMethod(operationName = "get_resource_property")
        public String get(
                @WebParam(name = "activity_id", targetNamespace = NAMESPACE) String id,
                @WebParam(name = "name", targetNamespace = NAMESPACE) String name)
                throws SQLException {
            String sql = "SELECT service, phase FROM activity WHERE id = ?";
            try (PreparedStatement select = connections.get().prepareStatement(sql)) {
                select.setString(1, id);
                try (ResultSet found = select.executeQuery()) {
                    if (!found.next()) {
                        throw new IllegalArgumentException("no activity " + id);
                    }
                    return found.getString(name);
                }
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        Endpoint.publish("http://127.0.0.1:" + port + "/plain", new Activities(arguments[0]));
        System.out.println(port);
    }
}
