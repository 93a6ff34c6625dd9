import Bytes
import CLinux
import Glibc
import Reactor

/// Prints figures and keeps them in `Benchmarks/results/latest.jsonl`, one line each.
enum Results {
    static func print(_ line: [UInt8]) {
        var line = line
        line.append(0x0A)
        _ = write(1, line, line.count)
    }

    /// A run replaces all lines of the benchmarks it measured and leaves the others.
    static func keep(_ lines: [[UInt8]], of benches: Set<String>, in path: String) throws(BenchError) {
        var kept: [UInt8] = []
        for line in (TextFile.read(path) ?? "").split(separator: "\n") {
            let name = (try? JSONValue.parse(Array(line.utf8)))?["bench"]?.string  // ok: an unreadable line is kept
            if let name, benches.contains(name) { continue }
            kept += Array(line.utf8) + [0x0A]
        }
        for line in lines { kept += line + [0x0A] }
        let directory = path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)
        mkdir(String(directory), 0o755)
        try TextFile.write(path + ".new", kept)
        guard rename(path + ".new", path) == 0 else { throw BenchError("cannot replace \(path)") }
    }

    /// Cores and processor, for whoever reads the figure later.
    static var machine: String {
        let cpu = TextFile.read("/proc/cpuinfo")?.split(separator: "\n").first { $0.hasPrefix("model name") }
        let model = cpu?.split(separator: ":").last.map { $0.drop { $0 == " " } } ?? "unknown processor"
        return "\(sysconf(Int32(_SC_NPROCESSORS_ONLN))) cores, \(model)"
    }
}
