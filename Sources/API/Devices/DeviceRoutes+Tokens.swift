import Bytes
import Postgres

/// A device's access tokens: for its owner and its admins.
extension DeviceRoutes {
    private static let maxAddresses = 50

    /// 201; `token` is in this answer only.
    func createToken(_ request: Request, _ who: Principal) async throws -> Reply {
        let id = try request.device()
        let body = try BodyFields(request)
        let name = try body.required("name", in: Self.nameLengths)
        let permission = try body.required("permission", try body.choice("permission", of: ["read", "write", "all"]))
        let hours = try body.int("expires_in_hours", in: 1...87_600)
        let addresses = try Self.addresses(body)
        let rate = try body.int("rate_limit_per_minute", in: 1...100_000)
        let token = DeviceSecret.token()
        let rows = try await pool.query(
            DeviceTokenSQL.create,
            Parameters(id, who.number, name, token.hash, token.prefix, permission, hours, addresses, rate.map(Int32.init)))
        try rows.permit(.admin)
        return try request.success(status: 201) { w in
            try w.object { w in
                try DeviceTokenSQL.token.members(rows, 0, to: &w)
                w.member("token", token.text)
            }
        }.unstored
    }

    private static func addresses(_ body: BodyFields) throws(APIError) -> [String] {
        guard let value = body["allowed_ips"] else { return [] }
        guard let items = value.array, items.count <= maxAddresses else {
            throw APIError.said(invalid: "allowed_ips", "必须是最多 \(maxAddresses) 个地址的数组")
        }
        var addresses: [String] = []
        for item in items {
            guard let text = item.string, AddressRange(text) != nil else { throw APIError.said(invalid: "allowed_ips", "必须是 IP 地址或 CIDR 网段") }
            addresses.append(text)
        }
        return addresses
    }

    func listTokens(_ request: Request, _ who: Principal) async throws -> Reply {
        let parameters = Parameters(try request.device(), who.number, try request.flag("include_revoked"), try request.flag("include_expired"))
        let rows = try await pool.query(DeviceTokenSQL.list, parameters, retryOnLoss: true)
        try rows.permit(.admin)
        return try request.success { try DeviceTokenSQL.token.array(rows, to: &$0) }
    }

    func revokeToken(_ request: Request, _ who: Principal) async throws -> Reply {
        let missing = APIError.said(404, "令牌不存在")
        let parameters = Parameters(try request.device(), who.number, try request.uuid("token", else: missing))
        let rows = try await pool.query(DeviceTokenSQL.revoke, parameters, retryOnLoss: true)
        try rows.permit(.admin)
        if try rows.isNull(0, 1) { throw missing }
        return request.success { w in w.object { $0.member("message", "令牌已吊销") } }
    }

    func revokeTokens(_ request: Request, _ who: Principal) async throws -> Reply {
        let rows = try await pool.query(DeviceTokenSQL.revokeAll, Parameters(try request.device(), who.number))
        try rows.permit(.admin)
        let count = try rows.int(0, 1)
        return request.success { w in
            w.object { w in
                w.member("revoked_count", count)
                w.member("message", "已吊销 \(count) 个令牌")
            }
        }
    }
}
