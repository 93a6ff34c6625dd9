import Glibc

/// A name for a life of a process: `host:process:random`. Every start of every process is another.
enum ProcessLife {
    static func newName() -> String { "\(hostName()):\(getpid()):\(String(UInt64.random(in: .min ... .max), radix: 36))" }

    private static func hostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
