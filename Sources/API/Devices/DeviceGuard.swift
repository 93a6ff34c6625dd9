import Bytes
import HTTP
import Postgres
import Reactor
import Secrets

/// Checks devices' keys and tokens on one loop. A key that is known costs no query: the database tells of keys that are changed and tokens that are revoked.
final class DeviceGuard {
    enum Access {
        case read, write
    }

    /// Keys are shorter, bytes.
    static let maxKeyBytes = 256
    /// Between two times that uses are written down, ns.
    private static let writeNs: Int64 = 1_000_000_000

    private let pool: PostgresPool
    private let rates: DeviceRates
    private var cache = DeviceKeyCache()
    private var uses = DeviceUses()
    private var isWriting = false
    private var isClosed = false
    private var listener: PostgresListener?

    init(_ pool: PostgresPool, _ config: PostgresConfig, _ rates: DeviceRates, on loop: isolated EventLoop) {
        self.pool = pool
        self.rates = rates
        listener = PostgresListener(
            config, channels: ["heliograph_device"], on: loop, onReconnect: { [weak self] in self?.cache.forget() },
            onNotify: { [weak self] _, _ in self?.cache.forget() })
        loop.every(ns: Self.writeNs) { [weak self] in
            guard let self, !self.isClosed else { return false }
            if !self.uses.isEmpty, !self.isWriting { loop.spawn { await self.writeUses() } }
            return true
        }
    }

    /// Writes down what is left and stops listening.
    func close() async {
        guard !isClosed else { return }
        isClosed = true
        listener?.close()
        listener = nil
        if !uses.isEmpty { await writeUses() }
    }

    private func writeUses() async {
        isWriting = true
        defer { isWriting = false }
        let taken = uses.take()
        do throws(PostgresError) {
            try await DeviceUses.write(taken, pool)
        } catch {
            Log.warning("uses of device tokens not written down; tried again", ["tokens": String(taken.count), "error": error.description])
            for (token, use) in taken { uses.note(token, use.count, at: use.at) }
        }
    }

    // MARK: Requests

    /// The key in `X-API-Key` or after `Authorization: Bearer`.
    static func text(_ request: Request) -> String? { request.header("x-api-key") ?? BearerToken.of(request) }

    /// Whose key it is; throws 401, 403 or 429. One use of a token with a rate.
    func device(_ text: String?, _ access: Access, _ request: Request) async throws -> DeviceKey {
        guard let text, !text.isEmpty else { throw AccountGuard.unauthorized("缺少设备密钥", isWrong: false) }
        guard let key = try await find(text) else { throw AccountGuard.unauthorized("设备密钥无效", isWrong: true) }
        if let expires = key.expiresAt, request.receivedAt >= expires { throw AccountGuard.unauthorized("令牌已过期", isWrong: true) }
        if let ranges = key.ranges {
            let address = request.peer.octets
            guard ranges.contains(where: { $0.contains(address) }) else { throw APIError.said(403, "此地址不允许使用该令牌") }
        }
        guard access == .read ? key.mayRead : key.mayWrite else { throw APIError.said(403, "令牌权限不足") }
        if key.isDisabled { throw APIError.said(403, "设备已停用") }
        guard let token = key.token else { return key }
        if let perMinute = key.perMinute, let seconds = rates.take(token, perMinute: perMinute, nowNs: Clock.monotonicNs) {
            throw APIError.tooMany(retryAfterSeconds: seconds)
        }
        uses.note(token, at: request.receivedAt)
        return key
    }

    private func find(_ text: String) async throws -> DeviceKey? {
        let isKey = text.hasPrefix("zk_")
        guard isKey || text.hasPrefix("dt_"), text.utf8.count <= Self.maxKeyBytes else { return nil }
        switch cache.find(text, nowNs: Clock.monotonicNs, isHeard: listener?.isListening ?? false) {
        case .known(let key): return key
        case .unknown: return nil
        case .ask: break
        }
        let generation = cache.generation
        let rows = try await pool.query(isKey ? Self.ofKey : Self.ofToken, Parameters(Secret.hash(text)), retryOnLoss: true)
        let key = rows.isEmpty ? nil : try Self.key(rows)
        cache.put(text, key, askedIn: generation, nowNs: Clock.monotonicNs)
        return key
    }

    private static func key(_ rows: PostgresRows) throws -> DeviceKey {
        let permission = try rows.string(0, 4)
        let addresses = try rows.textArray(0, 6)
        return DeviceKey(
            device: try rows.int64(0, 0), id: try rows.string(0, 1), isDisabled: try rows.bool(0, 2), token: try rows.stringIfPresent(0, 3),
            mayRead: permission != "write", mayWrite: permission != "read", expiresAt: try rows.timestampIfPresent(0, 5),
            ranges: addresses.isEmpty ? nil : addresses.compactMap(AddressRange.init), perMinute: try rows.intIfPresent(0, 7))
    }

    private static let ofKey = Statement(
        """
        SELECT d.number, d.id::text, coalesce(d.set_status = 'disabled', false), NULL::text, 'all', NULL::timestamptz, '{}'::text[], NULL::bigint
        FROM heliograph.device AS d WHERE d.api_key_hash = $1
        """)
    private static let ofToken = Statement(
        """
        SELECT d.number, d.id::text, coalesce(d.set_status = 'disabled', false), t.id::text, t.permission, t.expires_at, t.allowed_ips, t.per_minute::bigint
        FROM heliograph.device_token AS t JOIN heliograph.device AS d ON d.number = t.device WHERE t.hash = $1 AND NOT t.is_revoked
        """)
}
