import Protocol
public import Reactor
import ZeroMQ

/// A request that came in.
struct IncomingRequest {
    var id: UInt64
    var link: Int
    var handler: WorkerRuntime.RequestHandler
    var payload: [UInt8]
}

/// A task that answers requests one after the other, as long as their handlers do not suspend it. Most do not: then one task serves
/// all that came in at once, where a task for each would cost more than the request.
final class RequestRunner {
    var task: Task<Void, Never>?
    /// What it answers now.
    var id: UInt64 = 0
    var link = 0
}

/// The requests of a worker: those not begun, and the tasks that are at one.
struct RequestRunners {
    private var waiting: [IncomingRequest] = []
    private var head = 0
    private var active: [RequestRunner] = []
    /// A task is on its way to take what waits: it comes to its turn when the others are done or suspended.
    var isRunnerDue = false

    var isBusy: Bool { hasWaiting || !active.isEmpty }
    var hasWaiting: Bool { head < waiting.count }

    mutating func append(_ request: IncomingRequest) { waiting.append(request) }

    mutating func popFirst() -> IncomingRequest? {
        guard head < waiting.count else { return nil }
        let request = waiting[head]
        head += 1
        if head == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            head = 0
        }
        return request
    }

    mutating func begin(_ runner: RequestRunner) { active.append(runner) }
    mutating func end(_ runner: RequestRunner) { active.removeAll { $0 === runner } }

    /// Requests are numbered by each broker for itself.
    func cancel(_ id: UInt64, link: Int) { active.first { $0.id == id && $0.link == link }?.task?.cancel() }
    func cancelAll() { for runner in active { runner.task?.cancel() } }
}

extension WorkerRuntime {
    func acceptRequest(_ view: MessageView, link: Int, on loop: isolated EventLoop) {
        let id = view.header.requestID
        guard !isStopping, let handler = requestHandlers[view.nameString] else {
            let refusal = isStopping ? Refusal(.stopping, "worker \(options.name) is stopping") : Refusal(.noWorker, "not served here")
            client.send(Header(.refused, requestID: id), payload: refusal.payload, link: link, on: loop)
            return
        }
        requests.append(IncomingRequest(id: id, link: link, handler: handler, payload: view.payloadArray))
    }

    public func workPaused(on loop: isolated EventLoop) { runRequests(on: loop) }

    private func runRequests(on loop: isolated EventLoop) {
        guard requests.hasWaiting, !requests.isRunnerDue else { return }
        requests.isRunnerDue = true
        let runner = RequestRunner()
        runner.task = Task.immediate {
            _ = loop
            // Behind what runs now.
            await Task.yield()
            await self.serve(runner, on: loop)
        }
    }

    private func serve(_ runner: RequestRunner, on loop: isolated EventLoop) async {
        requests.isRunnerDue = false
        guard requests.hasWaiting else { return }
        requests.begin(runner)
        // A cancelled task answers nothing more: what waits goes to the next one.
        while !Task.isCancelled, let request = requests.popFirst() {
            runner.id = request.id
            runner.link = request.link
            // Should this request's handler suspend, the next runner goes on with the others.
            runRequests(on: loop)
            do {
                let answer = try await request.handler(loop, request.payload)
                client.send(Header(.reply, requestID: request.id), payload: answer, link: request.link, on: loop)
            } catch {
                let refusal = (error as? Refusal) ?? Refusal(.failed, String(describing: error))
                client.send(Header(.refused, requestID: request.id), payload: refusal.payload, link: request.link, on: loop)
            }
            countRequest()
        }
        requests.end(runner)
        runRequests(on: loop)
    }
}
