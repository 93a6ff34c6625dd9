public import Bytes
import Glibc

/// Why a named time zone is not to be had.
public struct ZoneFileError: Error, Hashable, Sendable, CustomStringConvertible {
    public var zone: String
    public var reason: String

    public var description: String { "time zone \(zone): \(reason)" }
}

/// The time zones of this machine (Debian package tzdata), each read once. What tzdata brings later is seen after a restart.
public struct ZoneFiles: Sendable {
    /// The largest zone file, in bytes; those of tzdata have less than 4 KiB.
    public static let maxBytes = 256 << 10

    public let directory: String
    private var known: [String: TimeZoneRules] = ["UTC": .utc, "Etc/UTC": .utc]

    public init(directory: String = "/usr/share/zoneinfo") { self.directory = directory }

    /// The rules of a zone such as `Europe/Berlin`. `UTC` and `Etc/UTC` need no file. Reads from disk: at most once a name.
    public mutating func rules(named name: String) throws(ZoneFileError) -> TimeZoneRules {
        if let rules = known[name] { return rules }
        guard TimeZoneRules.isName(name) else { throw ZoneFileError(zone: String(name.prefix(64)), reason: "not a time zone's name") }
        let bytes = try read(name)
        let rules: TimeZoneRules
        do throws(TimeZoneFault) {
            rules = try TimeZoneRules(tzif: bytes)
        } catch {
            throw ZoneFileError(zone: name, reason: "\(error)")
        }
        known[name] = rules
        return rules
    }

    private func read(_ name: String) throws(ZoneFileError) -> [UInt8] {
        func failure(_ code: Int32) -> ZoneFileError {
            let reason = code == ENOENT || code == ENOTDIR ? "no such zone in \(directory)" : String(cString: strerror(code))
            return ZoneFileError(zone: name, reason: reason)
        }
        let fd = open(directory + "/" + name, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw failure(errno) }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: Self.maxBytes + 1)
        var length = 0
        while length < bytes.count {
            let count = bytes.withUnsafeMutableBytes { Glibc.read(fd, $0.baseAddress?.advanced(by: length), $0.count - length) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(errno) }
            if count == 0 { return Array(bytes[..<length]) }
            length += count
        }
        throw ZoneFileError(zone: name, reason: "a file of more than \(Self.maxBytes) bytes")
    }
}
