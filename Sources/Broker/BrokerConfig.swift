public import Postgres
public import ZeroMQ

/// How a broker is set up.
public struct BrokerConfig: Sendable {
    /// Names this broker among several; a restart keeps the name and gets a new epoch.
    public var name: String
    /// Addresses to listen on: `inproc://`, `ipc://` or, with `security`, `tcp://host:port`.
    public var endpoints: [BusEndpoint]
    /// Where the jobs are kept; nil only where a store is given to the broker.
    public var postgres: PostgresConfig?
    /// Needed for every address that is not `inproc://` or `ipc://`.
    public var security: BusSecurity?
    public var limits = BrokerLimits()
    /// For benchmarks of this package: `tcp://127.0.0.1` may do without `security`. No setting reaches it.
    package var allowsPlainLoopback = false

    public init(name: String, endpoints: [BusEndpoint], postgres: PostgresConfig?, security: BusSecurity? = nil) {
        self.name = name
        self.endpoints = endpoints
        self.postgres = postgres
        self.security = security
    }
}

/// Why a broker cannot start or go on.
public struct BrokerError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable { case insecure, address, storage, superseded }
    public var code: Code
    public var message: String
    public var description: String { message }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
