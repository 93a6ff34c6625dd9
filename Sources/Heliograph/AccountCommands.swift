import API
import Reactor

/// `heliograph user add`, `heliograph token new`.
enum AccountCommands {
    static func user(_ arguments: Arguments, _ settings: Settings) async throws {
        try arguments.allow("role")
        guard arguments.words.count == 2, arguments.words[0] == "add" else { throw UsageError("usage: heliograph user add NAME [--role user|admin]") }
        let name = arguments.words[1]
        let role = arguments.value("role") ?? "user"
        guard let role = AccountStore.Role(rawValue: role) else { throw UsageError("--role must be user or admin") }
        guard let password = readLine(strippingNewline: true), password.count >= 8 else {
            throw UsageError("give a password of at least 8 characters on standard input")
        }
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        let database = try Database.existing(settings, data, name: "user")
        let hasher = await PasswordHasher()
        try await database.withPool(on: EventLoop(name: "user")) { pool, _ in
            _ = try await AccountStore(pool, hasher).createUser(name, password: password, role: role)
        }
        print("user \(name) added as \(role.rawValue)")
    }

    static func token(_ arguments: Arguments, _ settings: Settings) async throws {
        try arguments.allow("scope", "label")
        guard arguments.words == ["new"], let scope = arguments.value("scope").flatMap(Scope.init) else {
            throw UsageError("usage: heliograph token new --scope ingest|admin [--label TEXT]")
        }
        let label = arguments.value("label") ?? ""
        let data = try DataDirectory(settings["HELIOGRAPH_DATA"])
        let database = try Database.existing(settings, data, name: "token")
        let hasher = await PasswordHasher()
        let token = try await database.withPool(on: EventLoop(name: "token")) { pool, _ in
            try await AccountStore(pool, hasher).createToken(scope, label: label).text
        }
        print(token)
    }
}
