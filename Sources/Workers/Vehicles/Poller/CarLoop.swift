import Bytes
import Fetch
import Protocol
import Reactor

/// One car at its poller: plan → question → answer → machine → logbook → view. One request at a time; all that comes in goes through its mailbox, in order.
///
/// Two things go on side by side: the question that is under way (`CarLoop+Questions`), and the turn, which gives the machine all that waits and writes
/// what came of it as one entry. While an entry is being written the next ones gather.
final class CarLoop {
    private(set) var car: LeasedCar
    let epoch: Int64
    let parts: PollerParts
    private(set) var machine: VehicleMachine
    private var mailbox = CarMailbox()
    private var lastView: [UInt8] = []
    private var lastAt = Timestamp(seconds: 0)
    private var isTurning = false
    /// When the entry that is being written was begun.
    private(set) var writingSinceNs: Int64?
    /// Told to come to rest.
    private(set) var isStopping = false
    /// Another has the car: nothing is written any more.
    private(set) var isLost = false
    private var restWaiters: [UnsafeContinuation<Void, Never>] = []
    private var stream: CarStream?

    // Questions: see CarLoop+Questions.
    var timer: EventLoop.Timer?
    var question: Task<Void, Never>?
    /// From the question to its answer's turn.
    var isAsking = false
    var answerWaiters: [UnsafeContinuation<Void, Never>] = []
    var notBefore: Timestamp
    var budget: RequestBudget
    var unsavedRequests = 0
    var wasBudgetTold = false

    init(_ claim: CarClaim, _ parts: PollerParts) {
        car = claim.car
        epoch = claim.epoch
        self.parts = parts
        notBefore = claim.notBefore
        budget = RequestBudget(most: parts.options.requestsPerDay, day: claim.requestsDay ?? 0, used: claim.requestsDay == nil ? 0 : claim.requests)
        let remembered = claim.memory.flatMap { VehicleMachine(memory: $0, rules: parts.rules) }
        if claim.memory != nil, remembered == nil { Log.warning("a vehicle's memory cannot be read: it begins anew", ["car": "\(claim.car.number)"]) }
        machine = remembered ?? VehicleMachine(car: claim.car.number, rules: parts.rules)
    }

    var account: VehicleAccount? { parts.accounts[car.account] }

    /// Begins to ask, some time within `spread` seconds.
    func start(spread: Double, on loop: isolated EventLoop) {
        schedule(notSooner: spread > 0 ? Double.random(in: 0..<spread) : 0, on: loop)
        followStream(on: loop)
    }

    /// What is known of the car has changed elsewhere: its ids, its account.
    func update(_ car: LeasedCar, on loop: isolated EventLoop) {
        guard car != self.car else { return }
        let isOtherInStream = car.vehicleID != self.car.vehicleID || car.account != self.car.account
        self.car = car
        if isOtherInStream {
            stream?.drop()
            stream = nil
            followStream(on: loop)
        }
    }

    /// Its account has other tokens, or is signed in or out.
    func accountChanged(on loop: isolated EventLoop) {
        guard !isStopping else { return }
        post(.look, on: loop)
        if let account, account.fault == nil, let tokens = account.tokens { stream?.use(tokens, account.hosts, on: loop) }
    }

    func post(_ item: CarMailbox.Item, on loop: isolated EventLoop) {
        guard !isStopping, mailbox.append(item) else {
            if case .command(_, let reply) = item {
                reply.finish(.failure(CommandRefusal(message: isStopping ? "the poller is stopping" : "too many commands")))
            }
            return
        }
        guard !isTurning else { return }
        isTurning = true
        loop.spawn { await self.turn(on: loop) }
    }

    /// No more questions, and nothing more comes in.
    func quiet(on loop: isolated EventLoop) {
        isStopping = true
        quieten(on: loop)
    }

    /// Comes to rest in order: what has come in is written.
    func stop(on loop: isolated EventLoop) async {
        quiet(on: loop)
        while isTurning {
            // It may have come to rest between the look and the suspension.
            await withUnsafeContinuation { waiter in if isTurning { restWaiters.append(waiter) } else { waiter.resume() } }
        }
    }

    /// Another has the car.
    func lose(on loop: isolated EventLoop) {
        isLost = true
        isStopping = true
        quieten(on: loop)
    }

    private func quieten(on loop: isolated EventLoop) {
        if let timer { loop.cancel(timer) }
        timer = nil
        question?.cancel()
        stream?.drop()
        stream = nil
        for waiter in answerWaiters { waiter.resume() }
        answerWaiters = []
    }

    // MARK: A turn

    var isBehind: Bool { mailbox.isLong || writingSinceNs.map { Clock.monotonicNs - $0 > 5_000_000_000 } ?? false }

    private func turn(on loop: isolated EventLoop) async {
        while !isLost, !mailbox.isEmpty {
            parts.counters.dropped += mailbox.takeDropped()
            await take(mailbox.takeAll(), on: loop)
        }
        for case .command(_, let reply) in mailbox.takeAll() { reply.finish(.failure(CommandRefusal(message: "another poller has the car"))) }
        isTurning = false
        let waiters = restWaiters
        restWaiters = []
        for waiter in waiters { waiter.resume() }
    }

    private func take(_ items: [CarMailbox.Item], on loop: isolated EventLoop) async {
        var inputs: [JournalInput] = []
        var effects: [VehicleEffect] = []
        var replies: [(CommandReply, Result<Void, CommandRefusal>)] = []
        func give(_ input: VehicleInput, _ raw: [UInt8]) {
            let at = nextTime()
            inputs.append(JournalInput(at: at, input: input, raw: raw))
            effects += machine.on(input, at: at)
        }
        for item in items {
            switch item {
            case .answer(let input, let raw):
                give(input, raw)
                answered(input)
                parts.counters.answers += 1
            case .streamed(let input, let raw):
                give(input, raw)
                parts.counters.frames += 1
            case .command(let command, let reply):
                let at = nextTime()
                switch machine.obey(command, at: at) {
                case .success(let rows):
                    inputs.append(JournalInput(at: at, input: .command(command), raw: []))
                    effects += rows
                    replies.append((reply, .success(())))
                case .failure(let refusal): replies.append((reply, .failure(refusal)))
                }
            case .look: break
            }
        }
        schedule(on: loop)
        followStream(on: loop)
        let view = view
        if !inputs.isEmpty || view != lastView || unsavedRequests > 0 {
            let entry = LogEntry(
                car: car.number, epoch: epoch, inputs: inputs, effects: effects, memory: machine.memory, view: view, notBefore: notBefore,
                requests: unsavedRequests)
            unsavedRequests = 0
            guard await write(entry, on: loop) else {
                for (reply, _) in replies { reply.finish(.failure(CommandRefusal(message: "another poller has the car"))) }
                return
            }
            if view != lastView {
                lastView = view
                parts.counters.published += 1
                parts.publish(Topic.vehicles(car.number), view)
            }
        }
        for (reply, result) in replies { reply.finish(result) }
    }

    /// Our clock, never twice the same nor backwards: the journal's order.
    private func nextTime() -> Timestamp {
        lastAt = max(parts.now(), lastAt.adding(microseconds: 1))
        return lastAt
    }

    /// Until the entry is in the logbook; false: the car is another's.
    private func write(_ whole: LogEntry, on loop: isolated EventLoop) async -> Bool {
        var entry = whole
        writingSinceNs = Clock.monotonicNs
        defer { writingSinceNs = nil }
        while !isLost {
            // A lease that is not sure is waited for: the next beat tells whether it is still ours.
            guard parts.leases.isHeld else {
                await loop.sleep(ns: 100_000_000)
                continue
            }
            do throws(LogbookFault) {
                try await parts.logbook.write(entry)
                return true
            } catch {
                switch error {
                case .busy: await loop.sleep(ns: 1_000_000_000)
                case .fenced, .closed: isLost = true
                case .refused(let reason):
                    Log.error("vehicle: rows refused by the database; the inputs are kept", ["car": "\(car.number)", "reason": reason])
                    // Then not even the inputs can be kept: the machine goes on.
                    guard !entry.effects.isEmpty else { return true }
                    entry.effects = []
                }
            }
        }
        lose(on: loop)
        return false
    }

    // MARK: The view

    private var view: [UInt8] {
        var view = machine.view
        if let account { view.isHealthy = view.isHealthy && account.fault == nil } else { view.isHealthy = false }
        if budget.isSpent(at: parts.now()) { view.isHealthy = false }
        if view.latitude != 0 || view.longitude != 0 { view.geofence = parts.fences.at(view.latitude, view.longitude)?.name }
        var writer = JSONWriter(capacity: 1_200)
        view.write(to: &writer)
        return writer.bytes
    }

    // MARK: The stream

    private func followStream(on loop: isolated EventLoop) {
        guard !isStopping, machine.plan.wantsStream, let account, account.fault == nil, let tokens = account.tokens, let hosts = account.hosts else {
            guard let last = stream else { return }
            stream = nil
            last.stop()
            if !isStopping { post(.streamed(.stream(.disconnected), raw: []), on: loop) }
            return
        }
        guard stream == nil else { return }
        parts.counters.streams += 1
        let made = CarStream(
            tag: "\(car.vehicleID)", options: parts.options, fetcher: parts.service.fetcher, now: parts.now,
            on: CarStream.Listener(
                input: { [weak self] input, raw in self?.post(.streamed(input, raw: raw), on: loop) },
                refused: { [weak self] in self?.streamRefused(on: loop) }))
        stream = made
        made.start(tokens, hosts, on: loop)
    }

    /// The stream does not take the token: it gets the next one by `accountChanged`.
    private func streamRefused(on loop: isolated EventLoop) {
        guard let account, let rotation = stream?.rotation(of: account) else { return }
        loop.spawn { _ = await account.wasRefused(rotation, on: loop) }
    }
}
