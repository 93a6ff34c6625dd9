import CLinux
import Glibc

/// Reads `.env`: `NAME=value` lines, `#` comments, optional `export` and quotes.
enum DotEnv {
    static func read(_ path: String) throws(UsageError) -> [(String, String, String)] {
        guard let text = FileText.read(path) else { return [] }
        var pairs: [(String, String, String)] = []
        for (number, raw) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            var line = trim(raw)
            if line.isEmpty || line.hasPrefix("#") { continue }
            if line.hasPrefix("export ") { line = trim(line.dropFirst(7)) }
            guard let equals = line.firstIndex(of: "=") else { throw UsageError("\(path) line \(number + 1): expected NAME=value") }
            var value = trim(line[line.index(after: equals)...])
            if value.count >= 2, let quote = value.first, quote == "\"" || quote == "'", value.last == quote { value = value.dropFirst().dropLast() }
            pairs.append((String(trim(line[..<equals])), String(value), "\(path) line \(number + 1)"))
        }
        return pairs
    }

    private static func trim(_ text: Substring) -> Substring {
        let isSpace = { (c: Character) in c == " " || c == "\t" || c == "\r" }
        var text = text.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text = text.dropLast() }
        return text
    }
}

/// Small files as text.
enum FileText {
    /// Nil when there is no such file or it cannot be read.
    static func read(_ path: String) -> String? {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let n = CLinux.read(fd, &buffer, buffer.count)
            if n <= 0 { return n < 0 ? nil : String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<n]
        }
    }

    /// Writes a file readable by its owner only, whole or not at all.
    static func write(_ text: String, to path: String, mode: mode_t = 0o600) throws(UsageError) {
        let temporary = path + ".new"
        let fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard fd >= 0 else { throw UsageError("cannot write \(path): \(String(cString: strerror(hg_errno())))") }
        let bytes = Array(text.utf8)
        let written = CLinux.write(fd, bytes, bytes.count)
        let synced = fsync(fd)
        close(fd)
        guard written == bytes.count, synced == 0, rename(temporary, path) == 0 else {
            throw UsageError("cannot write \(path): \(String(cString: strerror(hg_errno())))")
        }
    }
}
