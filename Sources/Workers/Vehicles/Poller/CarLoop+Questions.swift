import Bytes
import Protocol
import Reactor

/// When a car is asked, and what.
extension CarLoop {
    /// How soon it is looked again whether asking is possible.
    private static let againSeconds = 1.0
    /// The longest that a timer runs: the wall clock may be set.
    private static let longestNs: Int64 = 600_000_000_000

    /// Sets the timer for the next question.
    func schedule(notSooner: Double = 0, on loop: isolated EventLoop) {
        if let timer { loop.cancel(timer) }
        timer = nil
        // Signed out: its account's next change tells.
        guard !isStopping, !isAsking, let account, account.fault == nil else { return }
        let now = parts.now()
        var due = max(machine.plan.at, notBefore)
        if let nextDay = budget.nextDay(at: now) {
            due = max(due, nextDay)
            tellBudget()
        } else {
            wasBudgetTold = false
        }
        let seconds = max(due.seconds(since: now), notSooner)
        timer = loop.after(ns: min(parts.options.ns(seconds), Self.longestNs)) { self.onDue(due, on: loop) }
    }

    private func tellBudget() {
        guard !wasBudgetTold else { return }
        wasBudgetTold = true
        Log.warning(
            "vehicle: today's requests are used up; it is asked again after midnight UTC",
            ["car": "\(car.number)", "requests": "\(budget.used)", "HELIOGRAPH_VEHICLE_BUDGET": "\(budget.most)"])
    }

    private func onDue(_ due: Timestamp, on loop: isolated EventLoop) {
        timer = nil
        guard !isStopping, !isAsking else { return }
        let now = parts.now()
        // The wall clock was set, or this was the end of a long timer's first part.
        guard now >= due else { return schedule(on: loop) }
        guard parts.leases.isHeld, !isBehind else { return schedule(notSooner: Self.againSeconds, on: loop) }
        isAsking = true
        parts.counters.latestNs = max(parts.counters.latestNs, (now.microseconds - max(due, machine.plan.at).microseconds) * 1_000)
        ask(machine.plan.question, on: loop)
    }

    /// Asks; the answer goes into the mailbox. `isAsking` must be set.
    private func ask(_ what: PollPlan.Question, on loop: isolated EventLoop) {
        let task = loop.spawn { await self.answer(what, on: loop) }
        if isAsking { question = task }
    }

    private func answer(_ what: PollPlan.Question, on loop: isolated EventLoop) async {
        let input = await poll(what, on: loop)
        question = nil
        guard !isStopping else { return }
        guard let (input, raw) = input else {
            isAsking = false
            return schedule(notSooner: Self.againSeconds, on: loop)
        }
        post(.answer(input, raw: raw), on: loop)
    }

    private func poll(_ what: PollPlan.Question, on loop: isolated EventLoop) async -> (VehicleInput, raw: [UInt8])? {
        guard let account else { return nil }
        let count = {
            self.budget.spend(at: self.parts.now())
            self.unsavedRequests += 1
        }
        switch what {
        case .data: return parts.service.input(what, await parts.service.get(.data(teslaID: car.teslaID), account, onRequest: count, on: loop))
        case .summary: return parts.service.input(what, await parts.service.get(.summary(teslaID: car.teslaID), account, onRequest: count, on: loop))
        case .list:
            switch await parts.lister.list(car.account, on: loop) {
            case .cars(let listed):
                // One that is not in it is gone; the next beat takes it away.
                guard let json = listed[car.number] else { return (.failure(.notFound), []) }
                return (.summary(VehicleInput.Summary(vehicle: json)), json.bytes)
            case .failed(let outcome): return parts.service.input(what, outcome)
            }
        }
    }

    /// The machine has the answer.
    func answered(_ input: VehicleInput) {
        isAsking = false
        if case .failure(let failure) = input {
            switch failure {
            // What the service asks for holds for whoever has the car next, too.
            case .limited, .forbidden, .retired: notBefore = max(notBefore, machine.plan.at)
            default: break
            }
        }
        let waiters = answerWaiters
        answerWaiters = []
        for waiter in waiters { waiter.resume() }
    }

    // MARK: Commands

    /// Suspends or resumes logging; waits until that is in the logbook.
    func obey(_ command: VehicleCommand, on loop: isolated EventLoop) async -> Result<Void, CommandRefusal> {
        if command == .suspend, machine.view.state == .online {
            guard await hasFreshData(on: loop) else { return .failure(.cannotSuspend("gateway_error")) }
        }
        let reply = CommandReply()
        post(.command(command, reply), on: loop)
        return await reply.wait()
    }

    /// Asks for all of the car now; false: that cannot be, or the answer is not whole.
    private func hasFreshData(on loop: isolated EventLoop) async -> Bool {
        while isAsking, !isStopping {
            // The answer may have come between the look and the suspension.
            await withUnsafeContinuation { waiter in if isAsking, !isStopping { answerWaiters.append(waiter) } else { waiter.resume() } }
        }
        let now = parts.now()
        guard !isStopping, parts.leases.isHeld, !isBehind, let account, account.fault == nil, notBefore <= now, !budget.isSpent(at: now) else { return false }
        isAsking = true
        if let timer { loop.cancel(timer) }
        timer = nil
        let answer = await poll(.data, on: loop)
        guard !isStopping else { return false }
        guard let (input, raw) = answer else {
            isAsking = false
            schedule(on: loop)
            return false
        }
        post(.answer(input, raw: raw), on: loop)
        guard case .data(let reading) = input else { return false }
        return reading.drive != nil && reading.charge != nil && reading.climate != nil && reading.body != nil
    }
}
