import API
import Protocol
import Reactor
import ZeroMQ

/// `heliograph keys new`: CURVE pairs for brokers that listen on TCP and for the clients they let in. `heliograph keys rotate`: a new key that signs
/// access tokens.
enum KeysCommand {
    static func run(_ arguments: Arguments, _ settings: Settings) async throws {
        if arguments.words == ["rotate"] {
            try arguments.allow()
            return try await rotate(settings)
        }
        try arguments.allow("role")
        guard arguments.words.count == 2, arguments.words[0] == "new" else {
            throw UsageError("usage: heliograph keys new broker | heliograph keys new NAME --role api|worker|tool | heliograph keys rotate")
        }
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        let name = arguments.words[1]
        guard name.utf8.allSatisfy({ ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D }), (1...64).contains(name.utf8.count) else {
            throw UsageError("a key's name has 1 to 64 of a-z, 0-9 and '-'")
        }
        let path = data.keys("\(name).key")
        if FileText.read(path) != nil { throw UsageError("\(path) exists; remove it first if its key may be forgotten") }
        let keys = try CurveKeys.generate()
        if name == "broker" {
            try FileText.write(keys.secretKey + "\n", to: path)
            try FileText.write(keys.publicKey + "\n", to: data.keys("broker.pub"), mode: 0o644)
            print("broker key in \(path); give clients its public key:\n\(keys.publicKey)")
            return
        }
        guard let role = arguments.value("role").flatMap(Role.init) else { throw UsageError("--role must be api, worker or tool") }
        try FileText.write(keys.secretKey + "\n", to: path)
        let allowed = (FileText.read(data.keys("clients")) ?? "") + "\(keys.publicKey) \(role.rawValue) \(name)\n"
        try FileText.write(allowed, to: data.keys("clients"))
        print("key in \(path); brokers that start with this data directory let it in as \(role.rawValue):\n\(keys.publicKey)")
    }

    private static func rotate(_ settings: Settings) async throws {
        let database = try Database.existing(settings, try DataDirectory(settings["HELIOGRAPH_DATA"]), name: "keys")
        let id = try await database.withPool(on: EventLoop(name: "keys")) { pool, _ in try await SigningKeys.rotate(pool) }
        print("access tokens are signed with key \(id) within a minute; those signed before stay good until they expire")
    }

    /// What brokers on TCP need: their key and the allow-list.
    static func security(_ data: DataDirectory) throws(UsageError) -> BusSecurity {
        guard let secret = FileText.read(data.keys("broker.key")) else {
            throw UsageError("a broker on TCP needs a key: heliograph keys new broker")
        }
        var clients: [String: Role] = [:]
        for line in (FileText.read(data.keys("clients")) ?? "").split(separator: "\n") {
            let parts = line.split(separator: " ")
            guard parts.count >= 2, parts[0].utf8.count == 40, let role = Role(rawValue: String(parts[1])) else {
                throw UsageError("\(data.keys("clients")): expected 'public-key role name', found '\(line)'")
            }
            clients[String(parts[0])] = role
        }
        return BusSecurity(secretKey: String(secret.prefix { $0 != "\n" }), clients: clients)
    }

    /// A client's own pair, by name.
    static func client(_ name: String, _ data: DataDirectory) throws -> CurveKeys? {
        guard let secret = FileText.read(data.keys("\(name).key")) else { return nil }
        return try CurveKeys(secretKey: String(secret.prefix { $0 != "\n" }))
    }
}
