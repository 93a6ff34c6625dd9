import Protocol
import Reactor

/// One broker as a client sees it: a DEALER, what waits to be sent, and the calls without an answer.
final class BusLink {
    enum State {
        /// No welcome yet, or the broker fell silent.
        case down
        case up(broker: String, epoch: Int64)
    }

    let index: Int
    let endpoint: BusEndpoint
    var state = State.down
    var lastHeardNs: Int64 = 0
    var lastHelloNs: Int64 = 0
    var out = FrameWriter()
    var flushScheduled = false
    /// The socket took nothing more: tried again by the timer, not by every message.
    var isStalled = false
    var socket: LoopSocket?

    init(index: Int, endpoint: BusEndpoint) {
        self.index = index
        self.endpoint = endpoint
    }

    var isUp: Bool {
        if case .up = state { true } else { false }
    }

    var epoch: Int64? {
        if case .up(_, let epoch) = state { epoch } else { nil }
    }
}
