import Postgres

/// The statements on a device's access tokens: device's UUID, account, …; the first column is the account's permission. Only who may hand tokens
/// out may see them.
enum DeviceTokenSQL {
    private static let seen = DevicePermission.seen
    private static let allowed = "s.permission IN \(DevicePermission.admin.orMore)"

    private static let columns =
        """
        t.id, $1::uuid, t.name, t.prefix, t.permission, t.is_revoked, t.expires_at, t.last_used_at, t.use_count, t.created_at,
        to_jsonb(t.allowed_ips), t.per_minute
        """
    static let token = RowObject(names: [
        "id", "device_id", "name", "token_prefix", "permission", "is_revoked", "expires_at", "last_used_at", "use_count", "created_at",
        "allowed_ips", "rate_limit_per_minute",
    ])

    /// Name, hash, prefix, permission, hours, addresses, rate.
    static let create = Statement(
        """
        WITH \(seen), t AS (
            INSERT INTO heliograph.device_token (device, name, hash, prefix, permission, expires_at, allowed_ips, per_minute)
            SELECT s.number, $3, $4, $5, $6, now() + $7 * interval '1 hour', $8, $9 FROM seen AS s WHERE \(allowed) RETURNING *
        )
        SELECT s.permission, \(columns) FROM seen AS s LEFT JOIN t ON true
        """)

    /// Whether revoked ones and expired ones are wanted; the newest first.
    static let list = Statement(
        """
        WITH \(seen)
        SELECT s.permission, \(columns) FROM seen AS s LEFT JOIN LATERAL (
            SELECT * FROM heliograph.device_token AS t
            WHERE t.device = s.number AND \(allowed) AND ($3 OR NOT t.is_revoked) AND ($4 OR t.expires_at IS NULL OR t.expires_at > now())
            ORDER BY t.created_at DESC, t.id LIMIT 1000
        ) AS t ON true
        """)

    static let revoke = Statement(
        """
        WITH \(seen), t AS (
            UPDATE heliograph.device_token AS t SET is_revoked = true FROM seen AS s
            WHERE t.device = s.number AND \(allowed) AND t.id = $3::uuid RETURNING t.id
        )
        SELECT s.permission, t.id FROM seen AS s LEFT JOIN t ON true
        """)

    static let revokeAll = Statement(
        """
        WITH \(seen), t AS (
            UPDATE heliograph.device_token AS t SET is_revoked = true FROM seen AS s
            WHERE t.device = s.number AND \(allowed) AND NOT t.is_revoked RETURNING t.id
        )
        SELECT s.permission, (SELECT count(*) FROM t) FROM seen AS s
        """)
}
