import Bytes
import Protocol

@testable import Broker

/// A message as a peer gets it.
struct Received: Equatable {
    var header: Header
    var name: String
    var payload: [UInt8]

    var verb: Verb { header.verb }
    var refusal: Refusal? { verb == .refused ? Refusal(payload: payload) : nil }
    var text: String { String(decoding: payload, as: UTF8.self) }
}

/// A broker core with named peers around it and a clock that the test moves.
final class Bench {
    var core: BrokerCore
    private(set) var nowNs: Int64 = 1_000_000_000
    private var inbox: [String: [Received]] = [:]
    private(set) var frames: [(to: String, bytes: Int)] = []
    private var published: [Received] = []

    init(_ change: (inout BrokerLimits) -> Void = { _ in }) {
        var limits = BrokerLimits()
        change(&limits)
        core = BrokerCore(name: "b", epoch: 7, limits: limits, nowNs: nowNs)
    }

    // MARK: In

    /// A frame of one message.
    func send(_ who: String, _ header: Header, name: String = "", payload: [UInt8] = []) {
        var writer = FrameWriter()
        writer.append(header, name: name, payload: payload)
        feed(who, writer.bytes)
        collect()
    }

    func send(_ who: String, _ header: Header, name: String = "", text: String) { send(who, header, name: name, payload: Array(text.utf8)) }

    /// Bytes as they come from a socket, without a flush.
    func feed(_ who: String, _ frame: [UInt8]) {
        let identity = Array(who.utf8)
        frame.withUnsafeBufferPointer { bytes in
            var reader = FrameReader(bytes)
            do throws(FrameError) {
                while let view = try reader.next() { core.receive(view, from: identity, nowNs: nowNs) }
            } catch {
                core.malformedFrame(error, from: identity)
            }
        }
    }

    func hello(
        _ who: String, kinds: [String] = [], streams: [String] = [], requests: [String] = [], windows: Windows = Windows(jobs: 10, batches: 10, requests: 10)
    ) {
        send(who, Header(.hello), payload: Hello(role: .worker, name: who, kinds: kinds, streams: streams, requests: requests, windows: windows).payload)
        _ = take(who, .welcome)
    }

    func client(_ who: String) { hello(who, windows: Windows()) }

    func enqueue(_ who: String, _ id: UInt64, _ draft: JobDraft) { send(who, Header(.enqueue, requestID: id), name: draft.kind, payload: draft.payload) }

    /// Moves the clock and ticks, in steps of at most 200 ms as the server does; the named peers beat each second.
    func pass(ms: Int64, alive: [String] = []) {
        let end = nowNs + ms * 1_000_000
        var beat = nowNs
        while nowNs < end {
            nowNs = min(end, nowNs + 200_000_000)
            if nowNs - beat >= 1_000_000_000 || nowNs == end {
                beat = nowNs
                for who in alive { send(who, Header(.beat)) }
            }
            core.tick(nowNs: nowNs)
            collect()
        }
    }

    // MARK: Out

    func collect() {
        core.flush { _, identity, bytes in
            let who = String(decoding: identity, as: UTF8.self)
            frames.append((who, bytes.count))
            inbox[who, default: []] += Self.read(bytes)
        }
        core.flushStreams { stream, bytes in
            let events = Self.read(bytes)
            published += events
            precondition(events.allSatisfy { Topic.stream(of: $0.name) == stream }, "an event went out under another stream")
        }
        core.forgetStrangers()
    }

    /// What a peer got since the last look, of one verb or all; beats are left out unless asked for.
    func take(_ who: String, _ verb: Verb? = nil) -> [Received] {
        let all = inbox[who] ?? []
        inbox[who] = all.filter { verb != nil && $0.verb != verb }
        return all.filter { message in verb.map { $0 == message.verb } ?? (message.verb != .beat) }
    }

    func takeEvents(_ verb: Verb = .event) -> [Received] {
        defer { published = [] }
        return published.filter { $0.verb == verb }
    }

    func takeFrames() -> [(to: String, bytes: Int)] {
        defer { frames = [] }
        return frames
    }

    private static func read(_ frame: [UInt8]) -> [Received] {
        frame.withUnsafeBufferPointer { bytes in
            var reader = FrameReader(bytes)
            var messages: [Received] = []
            do throws(FrameError) {
                while let view = try reader.next() { messages.append(Received(header: view.header, name: view.nameString, payload: view.payloadArray)) }
            } catch {
                fatalError("the core wrote a frame that cannot be read: \(error)")
            }
            return messages
        }
    }

    // MARK: Store

    /// Commits every waiting insert, ids counted from `first`; returns the work as it was.
    @discardableResult
    func commitInserts(firstID: Int64 = 1) -> StoreWork {
        let work = core.takeWork()
        for (n, insert) in work.inserts.enumerated() { core.inserted(insert, id: firstID + Int64(n), isDuplicate: false) }
        collect()
        return work
    }

    func job(_ id: Int64, _ kind: String = "k", attempt: Int = 1, priority: Int = 5, queue: String = "default") -> ClaimedJob {
        ClaimedJob(id: id, attempt: attempt, kind: kind, queue: queue, priority: priority, timeoutMs: 0, args: Array("{\"n\":\(id)}".utf8))
    }

    /// Answers the claims that the core has asked for.
    func answerClaims(_ jobs: [ClaimedJob]) {
        let asked = core.takeWork().claims
        core.claimed(jobs, asked: asked)
        collect()
    }

    /// The ids of the jobs that a worker was given since the last look.
    func jobs(of who: String) -> [Int64] { take(who, .job).map { Int64(bitPattern: $0.header.requestID) } }
}

/// A small generator with a fixed seed, so that a failing case fails again (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    mutating func below(_ n: Int) -> Int { Int(next() % UInt64(n)) }
}
