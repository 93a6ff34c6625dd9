import BenchmarkHarness
import CLinux
import Glibc
import Reactor

/// `heliograph bench [names…]`: the benchmarks, one JSON line per figure.
enum BenchCommand {
    static func run(_ arguments: Arguments, _ settings: Settings) async throws {
        try arguments.allow("scale")
        let home = try Home(settings)
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard length > 0 else { throw UsageError("cannot find the running program") }
        let executable = String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
        guard let root = realpath(home.path, nil) else { throw UsageError("\(home.path) is gone") }
        defer { free(root) }
        var options = BenchOptions(root: String(cString: root), executable: executable, withPeers: getenv("PEERS").map { String(cString: $0) } == "1")
        options.scale = try arguments.double("scale", 0.001...1) ?? 1
        let given = options
        try await Benchmarks.run(arguments.words, options: given, on: EventLoop(name: "bench"))
    }
}
