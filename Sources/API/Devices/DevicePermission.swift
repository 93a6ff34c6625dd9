import Postgres

/// What an account may do with a device. The role of an admin of the account system opens no foreign device.
enum DevicePermission: String, CaseIterable {
    /// Look.
    case read
    /// Change the device and its configuration, and answer alerts.
    case write
    /// Share it, and hand out keys and tokens.
    case admin
    /// Delete it.
    case owner

    /// The permissions that include this one, as a SQL list: changes compare with it in the statement that makes them.
    var orMore: String { "(" + Self.allCases.drop { $0 != self }.map { "'\($0.rawValue)'" }.joined(separator: ", ") + ")" }

    /// Those that can be given away.
    static let shareable = ["read", "write", "admin"]

    /// The device $1 and what the account $2 may do with it.
    static let seen =
        """
        seen AS (
            SELECT d.number, heliograph.device_permission(d.number, d.owner, $2) AS permission
            FROM heliograph.device AS d WHERE d.id = $1::uuid
        )
        """
    /// The devices that the account $1 may see.
    static let mine =
        """
        mine AS (
            SELECT number FROM heliograph.device WHERE owner = $1
            UNION SELECT device FROM heliograph.device_share WHERE account = $1
        )
        """
}

extension APIError {
    static let unknownDevice = APIError.said(404, "设备不存在")
}

extension PostgresRows {
    /// Reads the permission in the first column: 404 where the account may not even know of the thing, 403 below `needed`.
    func permit(_ needed: DevicePermission, else missing: APIError = .unknownDevice) throws {
        guard !isEmpty, let word = try stringIfPresent(0, 0), let held = DevicePermission(rawValue: word) else { throw missing }
        let order = DevicePermission.allCases
        guard let has = order.firstIndex(of: held), let needs = order.firstIndex(of: needed), has >= needs else {
            throw APIError(403, .forbidden, "the permission \(held.rawValue) does not reach: \(needed.rawValue) is needed")
        }
    }
}
