import Bytes

/// What a peer is to a broker; CURVE keys carry the same words.
public enum Role: String, Sendable, CaseIterable {
    case api, worker, tool
}

/// How much a worker takes at once. The broker never has more than these in flight to it: the credits of the bus.
public struct Windows: Hashable, Sendable {
    /// Jobs running plus a small prefetch.
    public var jobs: Int
    /// Ingest batches in flight.
    public var batches: Int
    /// Requests in flight.
    public var requests: Int

    public init(jobs: Int = 0, batches: Int = 0, requests: Int = 0) {
        self.jobs = jobs
        self.batches = batches
        self.requests = requests
    }

    func write(to w: inout JSONWriter) {
        w.member("jobs", jobs)
        w.member("batches", batches)
        w.member("requests", requests)
    }

    init?(_ json: JSONValue) {
        guard let jobs = json["jobs"]?.int, let batches = json["batches"]?.int, let requests = json["requests"]?.int,
            [jobs, batches, requests].allSatisfy({ (0...1_000_000).contains($0) })
        else { return nil }
        self.init(jobs: jobs, batches: batches, requests: requests)
    }

    public var payload: [UInt8] {
        var w = JSONWriter()
        w.object { write(to: &$0) }
        return w.bytes
    }

    public init?(payload: [UInt8]) {
        guard let json = try? JSONValue.parse(payload) else { return nil }  // ok: nil is the refusal
        self.init(json)
    }
}

/// A peer's introduction.
public struct Hello: Hashable, Sendable {
    public var role: Role
    public var name: String
    /// Job kinds, ingest streams and request names this peer serves.
    public var kinds: [String]
    public var streams: [String]
    public var requests: [String]
    public var windows: Windows

    public init(role: Role, name: String, kinds: [String] = [], streams: [String] = [], requests: [String] = [], windows: Windows = Windows()) {
        self.role = role
        self.name = name
        self.kinds = kinds
        self.streams = streams
        self.requests = requests
        self.windows = windows
    }

    public var payload: [UInt8] {
        var w = JSONWriter()
        w.object { w in
            w.member("role", role.rawValue)
            w.member("name", name)
            w.member("kinds", .array(kinds.map(JSONValue.string)))
            w.member("streams", .array(streams.map(JSONValue.string)))
            w.member("requests", .array(requests.map(JSONValue.string)))
            w.key("windows")
            w.object { windows.write(to: &$0) }
        }
        return w.bytes
    }

    public init?(payload: [UInt8]) {
        guard let json = try? JSONValue.parse(payload),  // ok: nil is the refusal
            let role = json["role"]?.string.flatMap(Role.init), let name = json["name"]?.string, name.utf8.count <= Header.maxName,
            let windows = json["windows"].flatMap({ Windows($0) })
        else { return nil }
        func names(_ key: String) -> [String]? {
            guard let items = json[key]?.array else { return nil }
            let names = items.compactMap(\.string)
            return names.count == items.count && names.allSatisfy { (1...Header.maxName).contains($0.utf8.count) } ? names : nil
        }
        guard let kinds = names("kinds"), let streams = names("streams"), let requests = names("requests") else { return nil }
        self.init(role: role, name: name, kinds: kinds, streams: streams, requests: requests, windows: windows)
    }
}

/// A broker's answer to `hello`.
public struct Welcome: Hashable, Sendable {
    public var broker: String
    public var epoch: Int64

    public init(broker: String, epoch: Int64) {
        self.broker = broker
        self.epoch = epoch
    }

    public var payload: [UInt8] {
        var w = JSONWriter()
        w.object { w in
            w.member("broker", broker)
            w.member("epoch", Int(epoch))
        }
        return w.bytes
    }

    public init?(payload: [UInt8]) {
        guard let json = try? JSONValue.parse(payload),  // ok: nil is the refusal
            let broker = json["broker"]?.string, let epoch = json["epoch"]?.int
        else { return nil }
        self.init(broker: broker, epoch: Int64(epoch))
    }
}

/// Why something was not done, and whether asking again can help.
public struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        /// The message makes no sense: a retry cannot help.
        case malformed
        /// The peer has not said hello.
        case stranger
        /// No worker serves this name now.
        case noWorker = "no_worker"
        /// A bound is reached.
        case busy
        /// The deadline passed.
        case deadline
        /// The worker died before it answered.
        case workerLost = "worker_lost"
        /// The worker answered with an error.
        case failed
        /// The database did not take it.
        case storage
        /// The broker or worker is stopping.
        case stopping
        /// The connection to the broker was lost before an answer came.
        case disconnected
    }
    public var code: Code
    public var message: String
    public var isRetryable: Bool

    public init(_ code: Code, _ message: String, retry: Bool? = nil) {
        self.code = code
        self.message = message
        isRetryable = retry ?? (code != .malformed && code != .failed)
    }

    public var description: String { "\(code.rawValue): \(message)" }

    public var payload: [UInt8] {
        var w = JSONWriter()
        w.object { w in
            w.member("code", code.rawValue)
            w.member("message", message)
            w.member("retry", isRetryable)
        }
        return w.bytes
    }

    public init(payload: [UInt8]) {
        let json = try? JSONValue.parse(payload)  // ok: an unreadable refusal is still one
        let code = json?["code"]?.string.flatMap(Code.init) ?? .failed
        self.init(code, json?["message"]?.string ?? "unreadable refusal", retry: json?["retry"]?.bool)
    }
}
