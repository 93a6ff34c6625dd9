import Bytes
public import Postgres
import Protocol
public import Reactor

/// Jobs for trying a fleet out: what operators and tests enqueue to see the queue work.
///
/// | kind | args | does |
/// |---|---|---|
/// | `probe.echo` | any | finishes with its args as output |
/// | `probe.sleep` | `{"ms": n}` | finishes after n milliseconds |
/// | `probe.fail` | `{"error": text, "retry": bool}` | fails |
/// | `probe.effect` | `{"table": name}` | inserts (job_id, attempt) into the table, committed together with its completion |
public enum ProbeWorker {
    public static func register(_ runtime: WorkerRuntime, pool: PostgresPool, on loop: EventLoop) {
        runtime.onJob("probe.echo") { context in try context.setOutput(try context.json()) }
        runtime.onJob("probe.sleep") { context in
            var left = try context.json()["ms"]?.int ?? 0
            while left > 0 {
                try Task.checkCancellation()
                await loop.sleep(ns: Int64(min(left, 50)) * 1_000_000)
                left -= 50
            }
        }
        runtime.onJob("probe.fail") { context in
            let args = try context.json()
            throw JobFailure(args["error"]?.string ?? "asked to fail", isRetryable: args["retry"]?.bool ?? true)
        }
        runtime.onJob("probe.effect") { context in
            guard let table = try context.json()["table"]?.string, isName(table) else {
                throw JobFailure("args.table must be a table's name", isRetryable: false)
            }
            let insert = Statement("INSERT INTO \(table) (job_id, attempt) VALUES ($1, $2::integer)")
            try await context.finish(in: pool) { transaction in
                _ = try await transaction.query(insert, Parameters(context.id, Int64(context.attempt)))
            }
        }
    }

    /// A name that needs no quoting, with a schema or without.
    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 128
            && text.utf8.allSatisfy { ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x5F || $0 == 0x2E }
    }
}
