import Bytes
public import Reactor

/// The benchmarks: each prints its figures beside a reference that is measured in the same run.
public enum Benchmarks {
    public static let names = [
        "bus.request", "bus.request.curve", "queue.drain", "queue.latency.p50", "queue.latency.p99", "queue.latency.p99_10k",
        "queue.sustained", "queue.wal_kib", "queue.held_snapshot", "queue.replay_preview_s", "queue.replay_p99", "queue.recovery_s", "ingest.charging",
        "http.memory", "http.rows", "battery.report", "battery.batch", "battery.history", "battery.evaluate", "battery.alert_ms",
        "accounts.login_flood_ms", "vehicles.state", "vehicles.lookup", "vehicles.logbook", "vehicles.poll_ms", "vehicles.push_ms",
        "fanout.deliveries", "fanout.idle_kb",
    ]

    /// Runs benchmarks and prints one JSON line per figure.
    /// - Parameter names: exact names or their first parts (`queue`); none means all.
    public static func run(_ names: [String], options: BenchOptions, on loop: EventLoop) async throws {
        let wanted = try select(names)
        try await loop.run { loop in
            let bench = try Bench(options)
            var failure: (any Error)?
            do {
                try await measure(wanted, bench, on: loop)
            } catch {
                failure = error
            }
            await bench.close(on: loop)
            if let failure { throw failure }
        }
    }

    private static func select(_ words: [String]) throws -> Set<String> {
        if words.isEmpty { return Set(names) }
        var wanted: Set<String> = []
        for word in words {
            let found = names.filter { $0 == word || $0.hasPrefix(word + ".") }
            if found.isEmpty { throw BenchError("no benchmark is called '\(word)'; there are \(names.joined(separator: ", "))") }
            wanted.formUnion(found)
        }
        return wanted
    }

    private static func measure(_ wanted: Set<String>, _ bench: Bench, on loop: isolated EventLoop) async throws {
        let commit = await commit(bench, on: loop)
        let parts: [(String, () async throws -> Void)] = [
            ("bus", { try await BusBench.run(wanted, bench, on: loop) }), ("queue", { try await QueueBench.run(wanted, bench, on: loop) }),
            ("ingest", { try await IngestBench.run(bench, on: loop) }), ("http", { try await HTTPBench.run(wanted, bench, on: loop) }),
            ("battery", { try await BatteryBench.run(wanted, bench, on: loop) }), ("accounts", { try await LoginBench.run(bench, on: loop) }),
            ("vehicles", { try await VehicleBench.run(wanted, bench, on: loop) }), ("fanout", { try await FanoutBench.run(wanted, bench, on: loop) }),
        ]
        var failed: [String] = []
        for (part, body) in parts where wanted.contains(where: { $0.hasPrefix(part + ".") }) {
            let before = bench.figures.count
            let cpu = ProcessorTime.now
            // One part that fails leaves the others their figures.
            do {
                try await body()
            } catch {
                bench.note("\(part): \(error)")
                failed.append(part)
            }
            let figures = bench.figures[before...]
            let lines = figures.map { $0.line(date: Clock.wall, commit: commit, machine: Results.machine + cpu.stolenSince) }
            for line in lines { Results.print(line) }
            if bench.options.scale == 1 { try Results.keep(lines, of: Set(figures.map(\.bench)), in: bench.options.results) }
        }
        if !failed.isEmpty { throw BenchError("not measured: \(failed.joined(separator: ", "))") }
    }

    /// The commit measured; with `-dirty` when the tree differs from it in more than recorded results.
    private static func commit(_ bench: Bench, on loop: isolated EventLoop) async -> String {
        guard let git = TextFile.program("git") else { return "unknown" }
        do {
            let head = try await bench.run("git", [git, "-C", bench.options.root, "rev-parse", "--short", "HEAD"], on: loop)
            let changes = try await bench.run("git", [git, "-C", bench.options.root, "status", "--porcelain"], on: loop)
            let isDirty = changes.split(separator: "\n").contains { !$0.contains("Benchmarks/results/") }
            return String(head.prefix { $0 != "\n" }) + (isDirty ? "-dirty" : "")
        } catch {
            return "unknown"
        }
    }
}
