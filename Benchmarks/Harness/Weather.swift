import CLinux
import Glibc
import Reactor

/// How long this disk takes to make a page durable: no commit can be faster.
enum DiskProbe {
    /// 500 fdatasyncs of a page, 2 ms apart, in ms.
    static func percentiles(_ path: String, on loop: isolated EventLoop) async throws(BenchError) -> (p50: Double, p99: Double) {
        let pages = 500
        var page = [UInt8](repeating: 1, count: 8192)
        try TextFile.write(path, [UInt8](repeating: 0, count: pages * page.count))
        let fd = open(path, O_WRONLY | O_CLOEXEC)
        guard fd >= 0 else { throw BenchError("cannot write \(path)") }
        defer {
            close(fd)
            unlink(path)
        }
        fdatasync(fd)
        var times: [Double] = []
        for n in 0..<pages {
            guard pwrite(fd, &page, page.count, n * page.count) == page.count else { throw BenchError("cannot write \(path)") }
            let started = Clock.monotonicNs
            fdatasync(fd)
            times.append(Double((Clock.monotonicNs - started) / 10_000) / 100)
            await loop.sleep(ns: 2_000_000)
        }
        times.sort()
        return (times[pages / 2], times[pages * 99 / 100])
    }
}

/// Processor time of this process, in µs: what a noisy host cannot change much.
enum OwnTime {
    static var us: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
    }

    /// µs per call, two digits after the point.
    static func perCall(since start: Double, _ calls: Int) -> Double { ((us - start) / Double(max(1, calls)) * 100).rounded() / 100 }
}

/// Processor time of the machine, to tell when a host gave the measurement less than it seems.
struct ProcessorTime {
    private let total: Double
    private let stolen: Double

    static var now: ProcessorTime {
        let line = TextFile.read("/proc/stat")?.split(separator: "\n").first ?? ""
        let numbers = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        return ProcessorTime(total: numbers.prefix(8).reduce(0, +), stolen: numbers.count > 7 ? numbers[7] : 0)
    }

    /// Empty below one percent.
    var stolenSince: String {
        let now = Self.now
        let percent = (now.stolen - stolen) / max(1, now.total - total) * 100
        return percent < 1 ? "" : ", \(Int(percent.rounded())) % of their time taken by the host"
    }
}

/// Resident memory of this process.
enum OwnMemory {
    static var kb: Int {
        let line = TextFile.read("/proc/self/status")?.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } ?? 0
    }
}
