import CPostgreSQL

/// The parameters of a connection attempt, and the order in which several hosts are tried.
final class ConnectTarget {
    private let config: PostgresConfig
    private var rotation = 0
    /// host, hostaddr and port lists as the connection string gives them; of equal length where given.
    private var lists: [(keyword: String, items: [String])] = []

    init(_ config: PostgresConfig) {
        self.config = config
        guard let options = PQconninfoParse(config.connectionString, nil) else { return }
        defer { PQconninfoFree(options) }
        var option = options
        while let keyword = option.pointee.keyword {
            let name = String(cString: keyword)
            if ["host", "hostaddr", "port"].contains(name), let value = option.pointee.val {
                lists.append((name, String(cString: value).split(separator: ",", omittingEmptySubsequences: false).map(String.init)))
            }
            option += 1
        }
    }

    /// Lets the next attempt begin with the next host: libpq itself has no time-out per host in non-blocking mode, so that a silent
    /// first host would hide the others.
    func rotate() { rotation += 1 }

    /// Starts an attempt. Later entries win over earlier ones, the connection string stands between defaults and what must hold.
    func start() -> OpaquePointer? {
        var parameters: [(String, String)] = [
            ("keepalives_idle", "10"), ("keepalives_interval", "5"), ("keepalives_count", "3"), ("tcp_user_timeout", "15000"),
            ("fallback_application_name", config.applicationName),
            ("dbname", config.connectionString),
            ("client_encoding", "UTF8"),
        ]
        if rotation > 0 {
            for (keyword, items) in lists where items.count > 1 {
                let by = rotation % items.count
                parameters.append((keyword, (items[by...] + items[..<by]).joined(separator: ",")))
            }
        }
        let keywords = CStrings(parameters.map(\.0))
        let values = CStrings(parameters.map(\.1))
        return withExtendedLifetime((keywords, values)) { PQconnectStartParams(keywords.pointers, values.pointers, 1) }
    }

    /// What every session begins with, as one round trip.
    var sessionSettings: String {
        """
        SET TimeZone TO 'UTC'; SET DateStyle TO 'ISO, YMD'; SET extra_float_digits TO 1; SET standard_conforming_strings TO on; \
        SET statement_timeout TO \(max(0, config.statementTimeoutMs))
        """ + config.settings.map { "; SET \($0.name) TO \($0.value)" }.joined()
    }
}

/// C strings in an array that ends with a null pointer, freed together.
final class CStrings {
    private let owned: [UnsafeMutablePointer<CChar>]
    private let mutable: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    let pointers: UnsafePointer<UnsafePointer<CChar>?>

    init(_ strings: [String]) {
        owned = strings.map { string in
            let bytes = string.utf8CString
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
            _ = UnsafeMutableBufferPointer(start: copy, count: bytes.count).update(from: bytes)
            return copy
        }
        mutable = .allocate(capacity: owned.count + 1)
        for (i, pointer) in owned.enumerated() { (mutable + i).initialize(to: pointer) }
        (mutable + owned.count).initialize(to: nil)
        pointers = UnsafeRawPointer(mutable).assumingMemoryBound(to: UnsafePointer<CChar>?.self)
    }

    /// For exec, which takes non-const strings and does not change them.
    var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?> { mutable }

    deinit {
        for pointer in owned { pointer.deallocate() }
        mutable.deallocate()
    }
}
