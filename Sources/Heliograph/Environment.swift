import CLinux

/// The process's environment.
enum Environment {
    static func all() -> [(String, String)] {
        var pairs: [(String, String)] = []
        guard var entry = hg_environ() else { return [] }
        while let text = entry.pointee {
            let line = String(cString: text)
            if let equals = line.firstIndex(of: "=") { pairs.append((String(line[..<equals]), String(line[line.index(after: equals)...]))) }
            entry += 1
        }
        return pairs
    }
}
