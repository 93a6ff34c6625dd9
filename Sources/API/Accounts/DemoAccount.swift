import Postgres

/// The demo's log-in: it exists while a server runs with `--demo`, and at no other time.
extension AccountStore {
    static let demoUsername = "admin"
    static let demoPassword = "heliograph"

    private static let remove = Statement("DELETE FROM heliograph.account WHERE number = $1 AND password_hash = $2")

    /// Makes the demo's account unless a user of that name is there.
    func addDemoAccount() async throws {
        if try await credentials(Self.demoUsername) != nil { return }
        do {
            try await createUser(Self.demoUsername, password: Self.demoPassword, role: .admin)
        } catch AccountError.taken {
            // Another server of the same demo was faster.
            return
        }
    }

    /// Removes the demo's account, which an earlier run with `--demo` may have left; one of that name with another password stays.
    func removeDemoAccount() async throws {
        guard let known = try await credentials(Self.demoUsername) else { return }
        let key = LoginAttempts.Key(user: Self.demoUsername, address: "start")
        guard case .right = await hasher.verify(Self.demoPassword, hash: known.hash, key) else { return }
        try await pool.query(Self.remove, Parameters(known.number, known.hash), retryOnLoss: true)
    }
}
