import Bytes
import Fetch
import Postgres
import Reactor

/// All accounts, as this process knows them; each beat tells which have changed elsewhere.
final class VehicleAccounts {
    private let store: TokenStore
    private let fetcher: Fetcher
    private let options: VehicleOptions
    private let now: () -> Timestamp
    private let gate = RequestGate(most: 2)
    private(set) var all: [Int64: VehicleAccount] = [:]
    /// Told with the number of the account that has changed.
    var onChange: (Int64) -> Void = { _ in }

    init(_ store: TokenStore, _ fetcher: Fetcher, _ options: VehicleOptions, now: @escaping () -> Timestamp) {
        self.store = store
        self.fetcher = fetcher
        self.options = options
        self.now = now
    }

    subscript(_ number: Int64) -> VehicleAccount? { all[number] }

    /// Reads what another process, or a log-in, has changed, and renews what is due. Accounts that are gone are forgotten.
    func follow(_ beat: [CarLeases.Beat.Account], on loop: isolated EventLoop) async throws(PostgresError) {
        let gone = Set(all.keys).subtracting(beat.map(\.number))
        for number in gone { all[number] = nil }
        for listed in beat {
            let account = all[listed.number] ?? add(listed.number)
            // Rows are read only where they say something new.
            let isNew = listed.rotation > account.rotation || (listed.rotation == account.rotation && listed.fault != account.storedFault)
            if isNew, let row = try await store.read(listed.number), row.rotation >= account.rotation { account.adopt(row) }
            if account.isDue { Self.renew(account, on: loop) }
        }
    }

    private static func renew(_ account: VehicleAccount, on loop: isolated EventLoop) {
        loop.spawn { _ = await account.renew(on: loop) }
    }

    private func add(_ number: Int64) -> VehicleAccount {
        let account = VehicleAccount(number, store, fetcher, options, gate, now: now)
        account.onChange = { [weak self] in self?.onChange(number) }
        all[number] = account
        return account
    }
}
