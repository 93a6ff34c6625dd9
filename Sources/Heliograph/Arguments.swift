/// A command line: words, `--flag value` and `--switch`.
struct Arguments {
    private(set) var words: [String] = []
    private var flags: [(name: String, value: String?)] = []

    /// - Parameter switches: flags that take no value.
    init(_ arguments: [String], switches: Set<String>) throws(UsageError) {
        var i = 0
        while i < arguments.count {
            let argument = arguments[i]
            i += 1
            guard argument.hasPrefix("--"), argument.count > 2 else {
                words.append(argument)
                continue
            }
            let body = argument.dropFirst(2)
            if let equals = body.firstIndex(of: "=") {
                flags.append((String(body[..<equals]), String(body[body.index(after: equals)...])))
            } else if switches.contains(String(body)) {
                flags.append((String(body), nil))
            } else if i < arguments.count {
                flags.append((String(body), arguments[i]))
                i += 1
            } else {
                throw UsageError("--\(body) needs a value")
            }
        }
    }

    func has(_ name: String) -> Bool { flags.contains { $0.name == name } }

    /// The last value given for a flag.
    func value(_ name: String) -> String? { flags.last { $0.name == name }?.value ?? nil }

    /// All values given for a flag, in order.
    func values(_ name: String) -> [String] { flags.compactMap { $0.name == name ? $0.value : nil } }

    func int(_ name: String, _ range: ClosedRange<Int>) throws(UsageError) -> Int? {
        guard let text = value(name) else { return nil }
        guard let number = Int(text), range.contains(number) else {
            throw UsageError("--\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
        }
        return number
    }

    func double(_ name: String, _ range: ClosedRange<Double>) throws(UsageError) -> Double? {
        guard let text = value(name) else { return nil }
        guard let number = Double(text), range.contains(number) else {
            throw UsageError("--\(name) must be a number from \(range.lowerBound) to \(range.upperBound), not '\(text)'")
        }
        return number
    }

    /// Refuses flags that a command does not know.
    func allow(_ names: String...) throws(UsageError) { try allow(names) }

    func allow(_ names: [String]) throws(UsageError) {
        for flag in flags where !names.contains(flag.name) && flag.name != "data" && flag.name != "log" {
            throw UsageError("unknown option --\(flag.name)")
        }
    }
}

/// The command line or a setting is wrong: one clear line, exit code 2.
struct UsageError: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
