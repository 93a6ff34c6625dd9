public import Bytes
public import Postgres
import Secrets
public import ZeroMQ

/// How the API of a process is set up.
public struct APIConfig: Sendable {
    /// Where clients are listened for; port 0 picks a free one.
    public var addresses: [ListenAddress] = [ListenAddress(port: 8000), ListenAddress(port: 4000)]
    public var postgres: PostgresConfig
    /// Connections of each loop.
    public var postgresConnections = 4
    public var endpoints: [BusEndpoint]
    /// Needed for endpoints with a server key.
    public var busKeys: CurveKeys?
    /// Names this process on the bus; loops add their number.
    public var name = "api"
    /// The directory of the console's files; nil: no console.
    public var console: String?
    /// Local time of the charging spec: its row times, its days and months, and timestamps without a zone in the intake.
    public var chargingOffset = UTCOffset.beijing
    /// How long a batch may take from here to its commit, ms; then 504. A broker without a worker for it holds it that long.
    public var ingestTimeoutMs: Int64 = 30_000
    /// Every data route needs a token, whatever its spec says (architecture §6).
    public var isProduction = false
    /// The log-in admin / heliograph exists. Refused together with `isProduction`.
    public var isDemo = false
    public var accounts = AccountOptions()
    /// How often WebSockets are told of a car.
    public var vehiclePushes = VehiclePushRates()
    /// Seals what has to be read again, such as codes on their way to the mailer, 32 bytes. The workers of the fleet need the same; without one it is
    /// known to this process only.
    public var sealKey = Secret.bytes(Seal.keyBytes)
    /// Bounds, time-outs, CORS origins and access log of the servers.
    public var server = ServerConfiguration()

    public init(postgres: PostgresConfig, endpoints: [BusEndpoint]) {
        self.postgres = postgres
        self.endpoints = endpoints
    }
}

/// Why the API cannot start.
public enum APIStartError: Error, Hashable, Sendable, CustomStringConvertible {
    case demoInProduction
    case noLoops
    case badSealKey

    public var description: String {
        switch self {
        case .demoInProduction: "the demo's log-in is not for production: leave out --demo, or do not set APP_ENV=production"
        case .badSealKey: "the key that seals has \(Seal.keyBytes) bytes"
        case .noLoops: "the API needs at least one loop"
        }
    }
}
