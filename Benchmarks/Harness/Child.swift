import CLinux
import CPostgreSQL
import Glibc
import Reactor

/// A program that a benchmark starts; ends with this process, however that ends. Its output goes to a file.
final class Child {
    let name: String
    let pid: Int32
    let log: String
    private var status: Int32?

    /// - Parameter environment: added to this process's own.
    init(_ name: String, _ command: [String], environment: [String] = [], log: String) throws(BenchError) {
        self.name = name
        self.log = log
        let fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard fd >= 0 else { throw BenchError("cannot write \(log)") }
        defer { close(fd) }
        let changed = Set(environment.map { $0.prefix { $0 != "=" } })
        let own = (TextFile.read("/proc/self/environ") ?? "").split(separator: "\0").filter { !changed.contains($0.prefix { $0 != "=" }) }.map(String.init)
        var arguments = command.map { strdup($0) } + [nil]
        var variables = (own + environment).map { strdup($0) } + [nil]
        defer {
            for text in arguments + variables { free(text) }
        }
        pid = hg_spawn(command[0], &arguments, &variables, 0, 0, fd, SIGTERM)
        guard pid > 0 else { throw BenchError("cannot start \(command[0]): \(String(cString: strerror(hg_errno())))") }
    }

    var output: String { TextFile.read(log) ?? "" }

    var isRunning: Bool {
        if status != nil { return false }
        var code: Int32 = 0
        guard waitpid(pid, &code, WNOHANG) == pid else { return true }
        status = code
        return false
    }

    /// Waits for the end; anything but exit 0 is an error with the last lines of output.
    func finish(withinMs: Int64, on loop: isolated EventLoop) async throws(BenchError) {
        let limit = Clock.monotonicNs + withinMs * 1_000_000
        while isRunning {
            guard Clock.monotonicNs < limit else { throw BenchError("\(name) did not end within \(withinMs) ms: \(lastLines)") }
            await loop.sleep(ns: 2_000_000)
        }
        guard status == 0 else { throw BenchError("\(name) failed: \(lastLines)") }
    }

    /// Waits until `ready` finds what it looks for in the output.
    func wait<T>(withinMs: Int64, on loop: isolated EventLoop, for ready: (String) -> T?) async throws(BenchError) -> T {
        let limit = Clock.monotonicNs + withinMs * 1_000_000
        while true {
            if let found = ready(output) { return found }
            guard isRunning else { throw BenchError("\(name) ended: \(lastLines)") }
            guard Clock.monotonicNs < limit else { throw BenchError("\(name) was not ready within \(withinMs) ms: \(lastLines)") }
            await loop.sleep(ns: 20_000_000)
        }
    }

    func stop(on loop: isolated EventLoop) async {
        guard isRunning else { return }
        kill(pid, SIGTERM)
        let limit = Clock.monotonicNs + 20_000_000_000
        while isRunning, Clock.monotonicNs < limit { await loop.sleep(ns: 10_000_000) }
        if isRunning {
            kill(pid, SIGKILL)
            while isRunning { await loop.sleep(ns: 10_000_000) }
        }
    }

    /// Resident memory in bytes.
    func residentBytes() throws(BenchError) -> Int {
        let line = TextFile.read("/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        guard let kb = line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap({ Int($0) }) else {
            throw BenchError("no VmRSS of \(name)")
        }
        return kb * 1024
    }

    private var lastLines: String { output.split(separator: "\n").suffix(4).joined(separator: " | ") }
}
