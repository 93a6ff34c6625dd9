import Bytes
import Postgres
import Reactor

/// Writes what inputs have made of cars: rows, machines' memories and the journal, of many cars in one transaction.
///
/// Lives on one loop. Entries of a car are written in the order in which they came; one group is under way at a time, and what comes meanwhile is the
/// next one. An entry is written whole or not at all; whether a commit was, whose answer got lost, the cars' versions tell.
final class Logbook {
    let pool: PostgresPool
    /// Who has the cars: entries are refused where somebody else has. nil: the epoch alone decides.
    let holder: String?
    let options: LogbookOptions
    /// The wall clock; requests are counted by its UTC day.
    let now: () -> Timestamp
    let ids = RowIDs()
    let codec = JournalCodec()
    /// The last checkpoint of each car that this logbook has written: under which epoch, and of which day.
    var checkpoints: [Int64: (epoch: Int64, day: Int64)] = [:]

    private var queue: [WaitingEntry] = []
    private var queueBytes = 0
    /// Of the group that is being written.
    private var groupCount = 0
    private var groupBytes = 0
    private var lastStartNs: Int64 = .min
    private var isRunning = false
    private var isClosing = false
    private var closeByNs: Int64 = .max
    private var waiters: [UnsafeContinuation<Void, Never>] = []
    private var changes = 0
    var counters = Counters()

    struct Counters {
        var entries = 0
        /// Groups committed.
        var groups = 0
        var fenced = 0
        var refused = 0
        var busy = 0
        /// Attempts that failed while the database was away or in somebody's way.
        var retries = 0
        /// Entries that had been committed by an attempt whose answer was lost.
        var foundCommitted = 0
        /// Effects on rows that were not open.
        var lostEffects = 0
    }

    init(_ pool: PostgresPool, holder: String? = nil, options: LogbookOptions = LogbookOptions(), now: @escaping () -> Timestamp = { Clock.wall }) {
        self.pool = pool
        self.holder = holder
        self.options = options
        self.now = now
    }

    /// Entries and bytes that wait, those being written included.
    var gauges: (entries: Int, bytes: Int) { (queue.count + groupCount, queueBytes + groupBytes) }

    /// Returns once the entry is committed.
    func write(_ entry: LogEntry) async throws(LogbookFault) {
        if isClosing { throw .closed }
        guard queue.count + groupCount < options.mostEntries, queueBytes + groupBytes < options.mostBytes else {
            counters.busy += 1
            throw .busy
        }
        let waiting = WaitingEntry(entry, codec)
        queue.append(waiting)
        queueBytes += waiting.bytes
        if queue.count == 1 || isFull { wake() }
        try await waiting.wait().get()
    }

    func start(on loop: isolated EventLoop) {
        guard !isRunning else { return }
        isRunning = true
        loop.spawn { await self.run(on: loop) }
    }

    /// Writes what waits, for as long as the options say, and ends.
    func close(on loop: isolated EventLoop) async {
        isClosing = true
        closeByNs = min(closeByNs, Clock.monotonicNs + options.closeNs)
        wake()
        while isRunning { await changed() }
    }

    // MARK: Groups

    private var isFull: Bool { queue.count >= options.groupEntries || queueBytes >= options.groupBytes }

    private func run(on loop: isolated EventLoop) async {
        while true {
            if queue.isEmpty {
                if isClosing { break }
                await changed()
                continue
            }
            await gather(on: loop)
            lastStartNs = Clock.monotonicNs
            let group = takeGroup()
            await write(group, on: loop)
            groupCount = 0
            groupBytes = 0
        }
        isRunning = false
        wake()
    }

    /// Waits for company, unless the last group is long ago or this one is full.
    private func gather(on loop: isolated EventLoop) async {
        guard lastStartNs != .min else { return }
        let dueNs = lastStartNs + options.paceNs
        while !isFull, !isClosing {
            let leftNs = dueNs - Clock.monotonicNs
            guard leftNs > 0 else { return }
            let timer = loop.after(ns: leftNs) { self.wake() }
            await changed()
            loop.cancel(timer)
        }
    }

    /// The longest head of the queue that a group may carry. An entry that begins a new day for its car needs a checkpoint of what was before it: it is the
    /// first of its car in a group.
    private func takeGroup() -> [WaitingEntry] {
        var days: [Int64: Int64?] = [:]
        var bytes = 0
        var count = 0
        while count < queue.count, count < options.groupEntries {
            let entry = queue[count]
            if count > 0, bytes + entry.bytes > options.groupBytes { break }
            if let day = entry.day, let before = days[entry.car], before != day { break }
            days[entry.car] = .some(entry.day)
            bytes += entry.bytes
            count += 1
        }
        let group = Array(queue[..<count])
        queue.removeFirst(count)
        queueBytes -= bytes
        groupCount = count
        groupBytes = bytes
        return group
    }

    /// Until every entry of the group has an outcome.
    private func write(_ group: [WaitingEntry], isSecondTry: Bool = false, on loop: isolated EventLoop) async {
        var waitNs = options.firstRetryNs
        while true {
            let left = group.filter { $0.outcome == nil }
            guard !left.isEmpty, let failure = await attempt(left) else { return }
            switch failure.cure {
            case .wait:
                counters.retries += 1
                if waitNs == options.firstRetryNs {
                    Log.warning("logbook: not written yet", ["entries": String(left.count), "error": failure.reason])
                }
                guard Clock.monotonicNs + waitNs < closeByNs else { return finish(left, .closed) }
                await loop.sleep(ns: waitNs)
                waitNs = min(waitNs * 2, options.lastRetryNs)
            case .divide where left.count > 1:
                // Order is kept: the first half is through before the second begins.
                await write(Array(left[..<(left.count / 2)]), on: loop)
                return await write(Array(left[(left.count / 2)...]), on: loop)
            case .divide where !isSecondTry:
                // What it refers to may just have gone, as a fence does.
                return await write(left, isSecondTry: true, on: loop)
            case .divide:
                counters.refused += 1
                Log.error("logbook: an entry cannot be written", ["car": String(left[0].car), "error": failure.reason])
                return finish(left, .refused(failure.reason))
            case .end: return finish(left, .closed)
            }
        }
    }

    private func finish(_ entries: [WaitingEntry], _ fault: LogbookFault) { for entry in entries { entry.finish(.failure(fault)) } }

    // MARK: Waiting

    private func changed() async {
        let seen = changes
        await withUnsafeContinuation { continuation in
            if changes == seen { waiters.append(continuation) } else { continuation.resume() }
        }
    }

    private func wake() {
        changes &+= 1
        guard !waiters.isEmpty else { return }
        var due: [UnsafeContinuation<Void, Never>] = []
        swap(&due, &waiters)
        for waiter in due { waiter.resume() }
    }
}
