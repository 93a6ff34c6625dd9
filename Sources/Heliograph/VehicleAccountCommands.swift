import Bytes
import CLinux
import Glibc
import Postgres
import Reactor
import Secrets
import Workers

/// `heliograph vehicles login`, `heliograph vehicles list`.
enum VehicleAccountCommands {
    static let usage = "heliograph vehicles login --name NAME [--token-file FILE] | list"
    private static let mostBytes = 64 << 10

    static func login(_ arguments: Arguments, _ settings: Settings) async throws {
        try arguments.allow("name", "token-file")
        guard let name = arguments.value("name"), (1...100).contains(name.count), arguments.words.count == 1 else { throw UsageError("usage: \(usage)") }
        let json = try read(arguments.value("token-file"))
        let number = try await withStore(settings) { store in try await store.login(name, json) }
        guard let number else { throw UsageError(#"the tokens must be JSON: {"access_token":"…","refresh_token":"…"}"#) }
        print("vehicle account \(number), \(name), has its tokens; its cars come within seconds where a worker 'vehicles' runs")
    }

    static func list(_ arguments: Arguments, _ settings: Settings) async throws {
        try arguments.allow()
        guard arguments.words.count == 1 else { throw UsageError("usage: \(usage)") }
        let accounts = try await withStore(settings) { store in try await store.list() }
        if accounts.isEmpty { print("no vehicle accounts; 'heliograph vehicles login' adds one") }
        for account in accounts {
            let state = account.fault.map { "signed out: \($0)" } ?? "signed in"
            print("\(account.number)  \(account.name)  \(account.cars) cars, tokens of \(RFC3339.string(account.tokensAt)), \(state)")
        }
    }

    private static func withStore<T: Sendable>(_ settings: Settings, _ body: @Sendable (TokenStore) async throws -> T) async throws -> T {
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        let database = try Database.existing(settings, data, name: "vehicles")
        guard let seal = Seal(key: try SecretKey.find(settings, data)) else { throw UsageError("the secret key must have \(Seal.keyBytes) bytes") }
        return try await database.withPool(on: EventLoop(name: "vehicles")) { pool, _ in try await body(TokenStore(pool, seal)) }
    }

    /// A file's bytes, or those of standard input.
    private static func read(_ path: String?) throws(UsageError) -> [UInt8] {
        var fd: Int32 = 0
        if let path {
            fd = hg_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC)
            guard fd >= 0 else { throw UsageError("cannot read \(path): \(String(cString: strerror(hg_errno())))") }
        }
        defer { if fd > 0 { close(fd) } }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while bytes.count < mostBytes {
            let count = Glibc.read(fd, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return bytes
    }
}
