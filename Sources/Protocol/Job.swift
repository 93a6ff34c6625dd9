public import Bytes

/// The states of a job, as River names them.
public enum JobState: String, Sendable, CaseIterable {
    case available, scheduled, running, retryable, completed, cancelled, discarded

    /// Finished jobs live in the history.
    public var isFinal: Bool { self == .completed || self == .cancelled || self == .discarded }
}

/// The kinds of job this system knows by itself. Producers may use others: they wait until a worker serves them.
public enum JobKind {
    public static let chargingPredict = "charging.predict"
}

/// A job as its producer describes it.
public struct JobDraft: Hashable, Sendable {
    public static let maxArgsBytes = 1 << 20
    public static let defaultMaxAttempts = 25
    public static let defaultQueue = "default"

    public var kind: String
    /// A JSON document.
    public var args: [UInt8]
    public var queue: String
    /// 1 (first) … 9; 5 is usual.
    public var priority: Int
    /// Not before; nil = now.
    public var runAt: Timestamp?
    /// At most one unfinished, unstarted job holds a key; a second enqueue gets the first one's id.
    public var uniqueKey: String?
    public var maxAttempts: Int
    /// Limit of one run, ms; 0 = the worker's default.
    public var timeoutMs: Int
    public var tags: [String]
    /// Jobs with the same key run one at a time, in the order of their ids, whatever their kinds.
    public var orderingKey: String?

    public init(
        kind: String, args: [UInt8] = Array("{}".utf8), queue: String = defaultQueue, priority: Int = 5, runAt: Timestamp? = nil,
        uniqueKey: String? = nil, maxAttempts: Int = defaultMaxAttempts, timeoutMs: Int = 0, tags: [String] = [], orderingKey: String? = nil
    ) {
        self.kind = kind
        self.args = args
        self.queue = queue
        self.priority = priority
        self.runAt = runAt
        self.uniqueKey = uniqueKey
        self.maxAttempts = maxAttempts
        self.timeoutMs = timeoutMs
        self.tags = tags
        self.orderingKey = orderingKey
    }

    public var payload: [UInt8] {
        var w = JSONWriter(capacity: args.count + 160)
        w.object { w in
            w.key("args")
            w.raw(args)
            if queue != Self.defaultQueue { w.member("queue", queue) }
            if priority != 5 { w.member("priority", priority) }
            if let runAt { w.member("run_at", runAt, .utc) }
            if let uniqueKey { w.member("unique_key", uniqueKey) }
            if maxAttempts != Self.defaultMaxAttempts { w.member("max_attempts", maxAttempts) }
            if timeoutMs != 0 { w.member("timeout_ms", timeoutMs) }
            if !tags.isEmpty { w.member("tags", .array(tags.map(JSONValue.string))) }
            if let orderingKey { w.member("ordering_key", orderingKey) }
        }
        return w.bytes
    }

    /// Reads a draft; every field is checked, the refusal names the first bad one.
    public init(kind: String, payload: UnsafeBufferPointer<UInt8>) throws(Refusal) {
        guard (1...Header.maxName).contains(kind.utf8.count) else { throw Refusal(.malformed, "kind must have 1 to \(Header.maxName) bytes") }
        self.init(kind: kind)
        var reader = JSONReader(payload)
        var sawArgs = false
        do throws(JSONError) {
            try reader.object { (r, key) throws(JSONError) in
                if key.equals("args") {
                    // One document: white space around it is not kept.
                    _ = try r.kind()
                    let start = r.position
                    try r.skip()
                    args = Array(UnsafeBufferPointer(rebasing: payload[start..<r.position]))
                    sawArgs = true
                } else if key.equals("queue") {
                    queue = try r.string()
                } else if key.equals("priority") {
                    priority = try r.int()
                } else if key.equals("run_at") {
                    runAt = try r.null() ? nil : try Self.time(&r)
                } else if key.equals("unique_key") {
                    uniqueKey = try r.null() ? nil : try r.string()
                } else if key.equals("ordering_key") {
                    orderingKey = try r.null() ? nil : try r.string()
                } else if key.equals("max_attempts") {
                    maxAttempts = try r.int()
                } else if key.equals("timeout_ms") {
                    timeoutMs = try r.int()
                } else if key.equals("tags") {
                    tags = []
                    try r.array { (r) throws(JSONError) in tags.append(try r.string()) }
                } else {
                    throw JSONError(.unexpectedByte, at: r.position)
                }
            }
            try reader.end()
        } catch {
            throw Refusal(.malformed, "job draft: \(error)")
        }
        if !sawArgs { throw Refusal(.malformed, "job draft: args missing") }
        if let fault { throw Refusal(.malformed, "job draft: \(fault)") }
    }

    private static func time(_ r: inout JSONReader) throws(JSONError) -> Timestamp {
        let at = r.position
        guard let time = RFC3339.parse(try r.string()) else { throw JSONError(.wrongType, at: at) }
        return time
    }

    /// The first rule this draft breaks.
    public var fault: String? {
        if args.count > Self.maxArgsBytes { return "args of \(args.count) bytes, at most \(Self.maxArgsBytes)" }
        if Self.escapesNUL(args) { return "args must not contain \\u0000" }
        if !(1...Header.maxName).contains(queue.utf8.count) || queue.utf8.contains(0) { return "queue must have 1 to \(Header.maxName) bytes" }
        if kind.utf8.contains(0) { return "kind must not contain NUL" }
        if !(1...9).contains(priority) { return "priority must be 1 to 9" }
        if !(1...1000).contains(maxAttempts) { return "max_attempts must be 1 to 1000" }
        if !(0...86_400_000).contains(timeoutMs) { return "timeout_ms must be 0 to 86400000" }
        if let uniqueKey, !Self.isKey(uniqueKey) { return "unique_key must have 1 to 1024 bytes" }
        if let orderingKey, !Self.isKey(orderingKey) { return "ordering_key must have 1 to 1024 bytes" }
        if tags.count > 32 || tags.contains(where: { !(1...128).contains($0.utf8.count) || $0.utf8.contains(0) }) {
            return "at most 32 tags of 1 to 128 bytes"
        }
        return nil
    }

    private static func isKey(_ text: String) -> Bool { (1...1024).contains(text.utf8.count) && !text.utf8.contains(0) }
}

extension JobDraft {
    /// Whether a JSON text holds an escaped U+0000, which PostgreSQL's jsonb cannot keep. `\\u0000` is a backslash and five characters.
    static func escapesNUL(_ json: [UInt8]) -> Bool {
        var i = 0
        while let backslash = json[i...].firstIndex(of: 0x5C) {
            if json[(backslash + 1)...].starts(with: [0x75, 0x30, 0x30, 0x30, 0x30]) { return true }
            i = min(backslash + 2, json.count)
        }
        return false
    }
}

/// The answer to an enqueue: the job's id, or the id of the job that already holds the unique key.
public struct Accepted: Hashable, Sendable {
    public var id: Int64
    public var isDuplicate: Bool

    public init(id: Int64, isDuplicate: Bool = false) {
        self.id = id
        self.isDuplicate = isDuplicate
    }
}

/// Why an attempt failed.
public struct JobFailure: Error, Hashable, Sendable {
    /// Error text kept with the job, in bytes; a longer one is cut.
    public static let maxMessageBytes = 4096

    public var message: String
    /// False: discard now, whatever attempts are left.
    public var isRetryable: Bool
    /// When to try again, ms from now; nil = as the kind's policy says.
    public var retryInMs: Int64?

    public init(_ message: String, isRetryable: Bool = true, retryInMs: Int64? = nil) {
        self.message = Self.cut(message)
        self.isRetryable = isRetryable
        self.retryInMs = retryInMs
    }

    public var payload: [UInt8] {
        var w = JSONWriter(capacity: message.utf8.count + 48)
        w.object { w in
            w.member("error", message)
            w.member("retry", isRetryable)
            if let retryInMs { w.member("retry_in_ms", Int(retryInMs)) }
        }
        return w.bytes
    }

    public init(payload: [UInt8]) {
        let json = try? JSONValue.parse(payload)  // ok: an unreadable failure is still one
        self.init(
            json?["error"]?.string ?? "unreadable failure", isRetryable: json?["retry"]?.bool ?? true,
            retryInMs: (json?["retry_in_ms"]?.int).map(Int64.init))
    }

    /// Without NUL, which PostgreSQL's text cannot hold, and within the bound, cut between characters.
    private static func cut(_ text: String) -> String {
        let clean = Array(text.utf8.lazy.filter { $0 != 0 }.prefix(maxMessageBytes + 1))
        var end = min(clean.count, maxMessageBytes)
        if clean.count > end {
            while end > 0, clean[end] & 0xC0 == 0x80 { end -= 1 }
        }
        return String(decoding: clean[..<end], as: UTF8.self)
    }
}
