internal import Bytes
internal import CLinux
internal import Synchronization

/// Log lines as JSON on standard error, one write each: `{"time":…,"level":…,"message":…, fields…}`.
public enum Log {
    public enum Level: Int, Sendable, Comparable {
        case debug, info, warning, error
        public static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }

        var text: String {
            switch self {
            case .debug: "debug"
            case .info: "info"
            case .warning: "warning"
            case .error: "error"
            }
        }
    }

    private static let threshold = Atomic<Int>(Level.info.rawValue)

    /// Lines below this level are not written.
    public static var level: Level {
        get { Level(rawValue: threshold.load(ordering: .relaxed)) ?? .info }
        set { threshold.store(newValue.rawValue, ordering: .relaxed) }
    }

    public static func debug(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) { write(.debug, message, fields) }
    public static func info(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) { write(.info, message, fields) }
    public static func warning(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) { write(.warning, message, fields) }
    public static func error(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) { write(.error, message, fields) }

    private static func write(_ level: Level, _ message: String, _ fields: KeyValuePairs<String, String>) {
        guard level >= self.level else { return }
        var w = JSONWriter(capacity: 200)
        w.object { w in
            w.member("time", Clock.wall, .utc)
            w.member("level", level.text)
            w.member("message", message)
            for (key, value) in fields {
                w.key(key)
                w.value(value)
            }
        }
        writeLine(w.bytes)
    }

    /// Writes one line to standard error.
    public static func writeLine(_ line: [UInt8]) {
        var line = line
        line.append(0x0A)
        _ = line.withUnsafeBytes { CLinux.write(2, $0.baseAddress, $0.count) }
    }
}
