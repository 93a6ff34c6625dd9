import Postgres

/// The statements on a device's shares: device's UUID, account, …; the first column is the account's permission. Only who may share a device may
/// see with whom it is shared: names and addresses of others are theirs.
enum DeviceShareSQL {
    private static let seen = DevicePermission.seen
    private static let allowed = "s.permission IN \(DevicePermission.admin.orMore)"

    static let share = RowObject(names: ["id", "device_id", "user_id", "username", "email", "permission", "created_at"])
    static let made = RowObject(names: share.names, first: 3)

    /// E-mail or user name, permission: whether such an account exists, whether it is the one who asks or the owner, then the share, null where
    /// there is one already. An e-mail address goes before a name that looks like it.
    static let create = Statement(
        """
        WITH \(seen), wanted AS (
            SELECT a.number, a.id, a.username, a.email FROM heliograph.account AS a
            WHERE a.is_active AND (a.email = lower($3) OR lower(a.username) = lower($3))
            ORDER BY a.email IS NOT DISTINCT FROM lower($3) DESC LIMIT 1
        ), made AS (
            INSERT INTO heliograph.device_share (device, account, permission)
            SELECT s.number, w.number, $4 FROM seen AS s JOIN heliograph.device AS d USING (number) CROSS JOIN wanted AS w
            WHERE \(allowed) AND w.number <> $2 AND w.number IS DISTINCT FROM d.owner
            ON CONFLICT DO NOTHING RETURNING id, permission, created_at
        )
        SELECT s.permission, w.number IS NOT NULL, w.number = $2 OR w.number IS NOT DISTINCT FROM d.owner,
            m.id, $1::uuid, w.id, w.username, coalesce(w.email, ''), m.permission, m.created_at
        FROM seen AS s JOIN heliograph.device AS d USING (number) LEFT JOIN wanted AS w ON true LEFT JOIN made AS m ON true
        """)

    static let list = Statement(
        """
        WITH \(seen)
        SELECT s.permission, h.id, $1::uuid, h.user_id, h.username, h.email, h.permission, h.created_at FROM seen AS s LEFT JOIN LATERAL (
            SELECT h.id, a.id AS user_id, a.username, coalesce(a.email, '') AS email, h.permission, h.created_at
            FROM heliograph.device_share AS h JOIN heliograph.account AS a ON a.number = h.account
            WHERE h.device = s.number AND \(allowed) ORDER BY h.created_at, h.id LIMIT 1000
        ) AS h ON true
        """)

    /// The other one's UUID: whether it is the owner, then the share that has gone.
    static let delete = Statement(
        """
        WITH \(seen), gone AS (
            DELETE FROM heliograph.device_share AS h USING seen AS s, heliograph.account AS a
            WHERE h.device = s.number AND \(allowed) AND a.id = $3::uuid AND h.account = a.number RETURNING h.id
        )
        SELECT s.permission, EXISTS (SELECT FROM heliograph.account AS a WHERE a.id = $3::uuid AND a.number = d.owner), (SELECT id FROM gone)
        FROM seen AS s JOIN heliograph.device AS d USING (number)
        """)
}
