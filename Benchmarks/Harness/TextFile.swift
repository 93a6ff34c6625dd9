import CLinux
import Glibc

/// Whole small files.
enum TextFile {
    static func read(_ path: String) -> String? {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = CLinux.read(fd, &buffer, buffer.count)
            guard count > 0 else { return count < 0 ? nil : String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }

    static func write(_ path: String, _ text: [UInt8]) throws(BenchError) {
        let fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard fd >= 0 else { throw BenchError("cannot write \(path): \(String(cString: strerror(hg_errno())))") }
        defer { close(fd) }
        var done = 0
        while done < text.count {
            let count = text[done...].withUnsafeBytes { CLinux.write(fd, $0.baseAddress, $0.count) }
            guard count > 0 else { throw BenchError("cannot write \(path): \(String(cString: strerror(hg_errno())))") }
            done += count
        }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Where a program is on PATH, nil when it is not installed. Debian keeps some of ours out of everybody's PATH.
    static func program(_ name: String) -> String? {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let debian = ["/usr/sbin", "/usr/bin"] + (12...20).reversed().map { "/usr/lib/postgresql/\($0)/bin" }
        return (path.split(separator: ":").map(String.init) + debian).map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }
}
