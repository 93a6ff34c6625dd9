import Bytes
import Glibc
import Testing

/// The rules of a zone of this machine; the bootstrap installs tzdata.
func zone(_ name: String) throws -> TimeZoneRules {
    if name == "UTC" { return .utc }
    let file = try #require(fopen("/usr/share/zoneinfo/" + name, "r"), "no zone \(name): is tzdata installed?")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = fread(&bytes, 1, bytes.count, file)
    return try TimeZoneRules(tzif: Array(bytes[..<count]))
}

/// An instant; without a zone in the text, UTC.
func time(_ text: String) throws -> Timestamp { try #require(RFC3339.parse(text, defaultOffset: .utc), "\(text)") }
