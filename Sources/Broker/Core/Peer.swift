import Protocol

/// A broker's number for a peer: never reused, so that late answers cannot reach somebody else.
public typealias PeerID = Int

/// One connected peer.
struct Peer {
    var identity: [UInt8]
    var hello: Hello
    var windows: Windows
    var lastSeenNs: Int64
    /// When its last list of runs came, ns.
    var listedNs: Int64 = 0
    var jobs = 0
    var batches = 0
    var requests = 0

    /// Of its jobs, how many have each priority: a worker with only less urgent ones is sent an urgent job beyond its window, which it runs next.
    private var byPriority = InlineArray<10, Int>(repeating: 0)

    init(identity: [UInt8], hello: Hello, windows: Windows, lastSeenNs: Int64) {
        self.identity = identity
        self.hello = hello
        self.windows = windows
        self.lastSeenNs = lastSeenNs
    }

    var freeJobs: Int { max(0, windows.jobs - jobs) }

    mutating func take(_ priority: Int) {
        jobs += 1
        byPriority[min(max(priority, 0), 9)] += 1
    }

    mutating func free(_ priority: Int) {
        jobs -= 1
        byPriority[min(max(priority, 0), 9)] -= 1
    }

    /// Whether a job of this priority may be sent although the window is full.
    func hasRoom(beyondWindowFor priority: Int) -> Bool {
        guard windows.jobs > 0, jobs < 2 * windows.jobs, priority < 9 else { return false }
        for level in max(priority + 1, 0)...9 where byPriority[level] > 0 { return true }
        return false
    }
}

/// What a call is about: both travel the same way, but only a batch may be given to a second worker.
enum CallKind {
    /// Idempotent by its rows' natural keys: offered again when its worker dies.
    case batch
    /// May have had effects: refused when its worker dies.
    case request
}

/// An ingest batch or a request on its way.
struct Call {
    var kind: CallKind
    var name: String
    var client: PeerID
    var clientRequestID: UInt64
    var expiresNs: Int64
    /// Kept for batches until they are committed, and for what waits.
    var payload: [UInt8]
    var worker: PeerID?
}

/// The workers behind one stream or request name, and what waits for them.
struct Service {
    var workers: [PeerID] = []
    var waiting = WaitQueue()
    var cursor = 0
}
