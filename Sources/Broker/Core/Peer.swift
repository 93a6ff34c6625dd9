import Protocol

/// A broker's number for a peer: never reused, so that late answers cannot reach somebody else.
public typealias PeerID = Int

/// One connected peer.
struct Peer {
    var identity: [UInt8]
    var hello: Hello
    var windows: Windows
    var lastSeenNs: Int64
    var jobs = 0
    var batches = 0
    var requests = 0

    var freeJobs: Int { max(0, windows.jobs - jobs) }
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
