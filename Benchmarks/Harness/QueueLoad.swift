import Protocol
import Reactor
import ZeroMQ

/// A producer that keeps so many enqueues under way: every answer sends the next one.
final class QueueLoad {
    private let client: BusClient
    private let kind: String
    private(set) var accepted = 0
    private var isOver = false
    private(set) var failure: Refusal?

    init(_ client: BusClient, kind: String) {
        self.client = client
        self.kind = kind
    }

    func begin(_ underWay: Int, on loop: isolated EventLoop) { for _ in 0..<underWay { fire(on: loop) } }

    func end() { isOver = true }

    private func fire(on loop: isolated EventLoop) {
        client.call(.enqueue, kind, JobDraft(kind: kind).payload, timeoutMs: 30_000, on: loop) { [self] result in
            if isOver { return }
            switch result {
            case .success: accepted += 1
            case .failure(let refusal): failure = refusal
            }
            fire(on: loop)
        }
    }
}
