import Bytes
import Postgres

/// An account as clients see it.
struct User {
    var id: String
    var username: String
    var email: String?
    var role: String
    var isActive: Bool
    var isEmailVerified: Bool
    var metadata: JSONValue
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var lastLoginAt: Timestamp?

    /// Of `heliograph.account AS a`, in the order of `init`.
    static let columns = """
        a.id::text, a.username, a.email, a.role, a.is_active, a.email_verified_at IS NOT NULL, a.metadata, a.created_at, a.updated_at, a.last_login_at
        """

    init(_ row: inout PostgresRow) throws(PostgresError) {
        id = try row.next()
        username = try row.next()
        email = try row.next()
        role = try row.next()
        isActive = try row.next()
        isEmailVerified = try row.next()
        metadata = try row.next()
        createdAt = try row.next()
        updatedAt = try row.next()
        lastLoginAt = try row.next()
    }

    func write(to w: inout JSONWriter) {
        w.object { w in
            w.member("id", id)
            w.member("email", email)
            w.member("username", username)
            w.member("role", role)
            w.member("is_active", isActive)
            w.member("email_verified", isEmailVerified)
            w.member("metadata", metadata)
            w.member("created_at", createdAt, .utc)
            w.member("updated_at", updatedAt, .utc)
            w.member("last_login_at", lastLoginAt, .utc)
        }
    }
}
