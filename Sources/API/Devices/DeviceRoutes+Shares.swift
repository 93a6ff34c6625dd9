import Bytes
import Postgres

/// Who else may see a device: for its owner and its admins.
extension DeviceRoutes {
    /// 201 with the share.
    func share(_ request: Request, _ who: Principal) async throws -> Reply {
        let id = try request.device()
        let body = try BodyFields(request)
        let identifier = try body.required("user_identifier", in: 1...254)
        let permission = try body.choice("permission", of: DevicePermission.shareable) ?? DevicePermission.read.rawValue
        let rows = try await pool.query(DeviceShareSQL.create, Parameters(id, who.number, identifier, permission))
        try rows.permit(.admin)
        guard try rows.bool(0, 1) else { throw APIError.said(404, "用户不存在") }
        if try rows.bool(0, 2) { throw APIError.said(invalid: "user_identifier", "不能共享给自己或设备所有者") }
        if try rows.isNull(0, 3) { throw APIError.said(409, "设备已共享给该用户") }
        return try request.success(status: 201) { try DeviceShareSQL.made.write(rows, 0, to: &$0) }
    }

    func listShares(_ request: Request, _ who: Principal) async throws -> Reply {
        let rows = try await pool.query(DeviceShareSQL.list, Parameters(try request.device(), who.number), retryOnLoss: true)
        try rows.permit(.admin)
        return try request.success { try DeviceShareSQL.share.array(rows, to: &$0) }
    }

    func unshare(_ request: Request, _ who: Principal) async throws -> Reply {
        let missing = APIError.said(404, "共享不存在")
        let rows = try await pool.query(
            DeviceShareSQL.delete, Parameters(try request.device(), who.number, try request.uuid("user", else: missing)))
        try rows.permit(.admin)
        if try rows.bool(0, 1) { throw APIError.said(403, "不能移除设备所有者") }
        if try rows.isNull(0, 2) { throw missing }
        return .empty()
    }
}
