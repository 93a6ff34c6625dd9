import Bytes
import HTTP
import Postgres
import Secrets

/// Takes the tokens of a vehicle account (`POST /api/auth/token`). They are sealed before they reach the database, and never answered.
final class VehicleAccountRoutes {
    /// Longer ones are none.
    static let maxTokenBytes = 8_192
    static let usualName = "default"

    private let pool: PostgresPool
    private let seal: Seal

    init(_ pool: PostgresPool, _ seal: Seal) {
        self.pool = pool
        self.seal = seal
    }

    func add(to routes: GuardedRoutes) { routes.on(.post, "/api/auth/token") { [self] in try await store($0) } }

    private static let find = Statement("SELECT number FROM heliograph.vehicle_account WHERE name = $1 FOR UPDATE")
    private static let newNumber = Statement("SELECT nextval(pg_get_serial_sequence('heliograph.vehicle_account', 'number'))")
    private static let insert = Statement(
        """
        INSERT INTO heliograph.vehicle_account (number, name, tokens) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3)
        ON CONFLICT (name) DO NOTHING RETURNING number
        """)
    /// Who is at work with the old ones learns by `rotation` that these replace them.
    private static let replace = Statement(
        """
        UPDATE heliograph.vehicle_account
        SET tokens = $2, access_expires_at = NULL, rotation = rotation + 1, fault = NULL, tokens_at = now() WHERE number = $1
        """)

    /// Body `{"access_token","refresh_token","name"?}`; an account of that name gets them anew.
    private func store(_ request: Request) async throws -> Reply {
        let body = try BodyFields(request, knows: ["access_token", "refresh_token", "name"])
        let access = try Self.token("access_token", body)
        let refresh = try Self.token("refresh_token", body)
        let name = try body.text("name", in: 1...100) ?? Self.usualName
        var w = JSONWriter()
        w.object { w in
            w.member("access_token", access)
            w.member("refresh_token", refresh)
        }
        let tokens = w.bytes
        let number = try await pool.transaction { try await keep(tokens, name, $0) }
        return .json(capacity: 128) { w in
            w.object { w in
                w.member("message", "Tokens stored")
                w.member("account_id", Int(number))
                w.member("name", name)
            }
        }.unstored
    }

    private func keep(_ tokens: [UInt8], _ name: String, _ transaction: PostgresTransaction) async throws -> Int64 {
        func sealed(_ number: Int64) -> [UInt8] { seal.close(tokens, context: "vehicle_account:\(number)") }
        var rows = try await transaction.query(Self.find, Parameters(name))
        if rows.isEmpty {
            let number = try await transaction.query(Self.newNumber).int64(0, 0)
            if try await !transaction.query(Self.insert, Parameters(number, name, sealed(number))).isEmpty { return number }
            // Another one has just made it.
            rows = try await transaction.query(Self.find, Parameters(name))
        }
        guard !rows.isEmpty else { throw APIError(409, .conflict, "the account has just been removed") }
        let number = try rows.int64(0, 0)
        try await transaction.execute(Self.replace, Parameters(number, sealed(number)))
        return number
    }

    /// Tokens travel in header fields: nothing but printable ASCII.
    private static func token(_ name: String, _ body: BodyFields) throws -> String {
        let text = try body.required(name)
        guard (1...maxTokenBytes).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw APIError.invalid(name, "\(name) must be 1 to \(maxTokenBytes) printable ASCII characters")
        }
        return text
    }
}
