import CLinux

/// How benchmarks are run.
public struct BenchOptions: Sendable {
    /// The project's directory: holds `Benchmarks/` and `Migrations/`.
    public var root: String
    /// Whether the reference programs are measured too; without them a line's `reference` is null.
    public var withPeers: Bool
    /// Starts the server under test: the program and its first arguments. `--data DIR` is added.
    public var server: [String]
    /// Python of the private environment that holds the peers from PyPI.
    public var python: String
    /// Share of the full size, for a trial; lines of anything but 1 are printed and not recorded.
    public var scale: Double

    /// - Parameter executable: the heliograph program, with an absolute path.
    public init(root: String, executable: String, withPeers: Bool) {
        // Programs are started elsewhere, with this in their arguments.
        var root = root
        if let absolute = realpath(root, nil) {
            root = String(cString: absolute)
            free(absolute)
        }
        self.root = root
        self.withPeers = withPeers
        server = [executable, "up", "--port", "0", "--vehicle-port", "0"]
        python = root + "/.venv/bin/python"
        scale = 1
    }

    var peers: String { root + "/Benchmarks/peers" }
    var results: String { root + "/Benchmarks/results/latest.jsonl" }

    func scaled(_ n: Int) -> Int { max(1, Int(Double(n) * scale)) }
}

/// Why a benchmark could not be measured.
public struct BenchError: Error, Sendable, CustomStringConvertible {
    public var description: String
    init(_ description: String) { self.description = description }
}
