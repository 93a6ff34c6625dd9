import Bytes
import Protocol

/// What one car does, as far as polls, frames, commands and the time tell. Pure: the same inputs at the same times make the same rows.
///
/// Phases. A drive is open exactly while `driving`; a parking is open when it is not, from the first complete answer on; a charge is open while the
/// last `charging_state` was Starting or Charging, an update while the last status was installing, whatever else happens.
///
/// | from | input | to | rows |
/// |---|---|---|---|
/// | unknown | summary online | online | state |
/// | unknown, asleep, offline | complete answer | what it says | state; parking, or drive, charge, update |
/// | any but driving | D, N, R in an answer; in a fresh frame, except while charging or updating | driving | parking ends with its events, drive, position |
/// | driving | D, N, R | driving | position |
/// | driving | P or no shift in an answer | online | position, drive ends (below 2 samples or 0.01 km: goes), parking |
/// | driving | P in frames, and no answer for 5 min | online | position, drive ends (stream), parking |
/// | driving | offline for 80 s | driving, shown as offline | |
/// | driving | offline for 15 min since the last sample | offline | drive ends there (offline) |
/// | driving | asleep, and no frame for 30 s | asleep | drive ends there, parking |
/// | driving | at a service centre | online | drive ends there, parking |
/// | driving | an answer after ≥ 5 min with > 8 km more range | what it says | drive ends before (charged), inferred charge |
/// | driving | an answer after ≥ 15 min | what it says | drive ends before (offline, or restart) |
/// | driving | P after > 1 min, odometer as before | online | drive ends before (parked) |
/// | parked | odometer on by > 0.2 km | | parking ends at its last reading, a new one begins |
/// | parked, not charging | ≥ 5 min later > 8 km more range and a higher level | | inferred charge; one that began before, if it still charges |
/// | online, suspended, charging | Starting, Charging | charging | charge, its points |
/// | charging | another charging state | online | point, position, charge ends |
/// | charging | the counter is lower after > 5 min | charging | charge ends before, another begins |
/// | charging | asleep | asleep | charge ends |
/// | charging, updating | offline for 15 min, 2 h | offline | the rows stay open |
/// | online, charging, suspended | status installing | updating | update |
/// | updating | another status | online | update ends; goes, where it is available again |
/// | online | idle for 15 min and nothing in the way; or the command | suspended | position |
/// | suspended | something in the way; power in a frame; the command | online | |
/// | online, suspended, asleep, offline | summary asleep, offline | asleep, offline | state |
/// | asleep, offline | summary online; while streaming only when a frame shows power, or none comes for 30 s | online | state |
/// | any | failures | unchanged | |
///
/// `since` moves when the shown state does. `last_used` is now: on waking, driving, charging, updating, resuming, and while anything but an open lock
/// keeps it from sleeping. Unknown is shown as offline. Of one moment no two rows of a kind begin, and none overlaps another (`RowTimes`).
struct VehicleMachine: Equatable {
    enum Phase: String {
        case unknown, online, driving, charging, updating, suspended, asleep, offline

        var isAway: Bool { self == .unknown || self == .asleep || self == .offline }
    }

    let car: Int64
    let rules: VehicleRules
    var state = MachineState()

    init(car: Int64, rules: VehicleRules) {
        self.car = car
        self.rules = rules
    }

    /// Goes on where another has stopped: equal to what wrote the memory. nil: it is no memory, or of another version.
    init?(memory: JSONValue, rules: VehicleRules) {
        guard let stored: StoredMachine = MachineMemory.read(memory), stored.version == StoredMachine.version, stored.car > 0 else { return nil }
        self.init(car: Int64(stored.car), rules: rules)
        state = stored.state
    }

    /// Everything that is needed to go on, as JSON.
    var memory: [UInt8] { MachineMemory.write(StoredMachine(version: StoredMachine.version, car: Int(car), state: state)) }

    /// Takes an input. The effects are written together with the memory, or none of them.
    mutating func on(_ input: VehicleInput, at time: Timestamp) -> [VehicleEffect] {
        var rows: [VehicleEffect] = []
        let now = tell(time)
        switch input {
        case .data(let reading): onData(reading, now, &rows)
        case .summary(let summary): onSummary(summary, now, &rows)
        case .frame(let frame): onFrame(frame, now, &rows)
        case .failure(let failure): onFailure(failure, now, &rows)
        case .stream(let event): onStream(event, now)
        case .command(.suspend): if state.phase == .online { suspend(now, &rows) }
        case .command(.resume): resume(now)
        case .tick: break
        }
        pass(now, &rows)
        settle(now, &rows)
        return rows
    }

    /// Carries out a command, or says why not. A car that sleeps, is away or suspended already needs none of it.
    mutating func obey(_ command: VehicleCommand, at time: Timestamp) -> Result<[VehicleEffect], CommandRefusal> {
        if command == .suspend, let reason = reasonAgainstSuspending(max(state.clock, time)) { return .failure(.cannotSuspend(reason)) }
        return .success(on(.command(command), at: time))
    }

    static let suspendDataAgeMax = 300.0

    private func reasonAgainstSuspending(_ now: Timestamp) -> String? {
        switch state.phase {
        case .driving: return "vehicle is driving"
        case .charging: return "vehicle is charging"
        case .updating: return "vehicle is updating"
        case .asleep, .offline, .suspended: return nil
        case .unknown, .online:
            guard let dataAt = state.dataAt, now.seconds(since: dataAt) <= Self.suspendDataAgeMax, state.known.isComplete else {
                return "vehicle data is incomplete"
            }
            if state.known.drive?.shift?.isMoving == true { return "vehicle is driving" }
            return SleepBlock.of(state.known, rules)?.rawValue
        }
    }

    // MARK: Time

    /// Our clock does not go back either, unless it was wrong by much.
    private mutating func tell(_ time: Timestamp) -> Timestamp {
        if state.clock.seconds(since: time) > 3600 { state.clock = time }
        let now = max(state.clock, time)
        state.silence = state.since == nil ? 0 : now.seconds(since: state.clock)
        state.clock = now
        if state.since == nil {
            state.since = now
            state.lastUsed = now
        }
        return now
    }

    static let shownOfflineSeconds = 80.0
    static let driveLossSeconds = 900.0
    static let streamParkedSeconds = 300.0
    static let chargeLossSeconds = 900.0
    static let updateLossSeconds = 7200.0

    /// What follows from time alone.
    private mutating func pass(_ now: Timestamp, _ rows: inout [VehicleEffect]) {
        if let parked = state.parkedFrame, state.drive != nil, now.seconds(since: state.parkedFrameAt) >= Self.streamParkedSeconds {
            append(parked, &rows)
            endDrive(.stream, now, &rows)
            beginParking(state.resting, now, &rows)
            enter(.online, now)
        }
        guard let lost = state.lostAt else { return }
        switch state.phase {
        case .driving:
            guard now.seconds(since: state.contactAt ?? lost) >= Self.driveLossSeconds else { return }
            endDrive(.offline, now, &rows)
            enter(.offline, now)
        case .charging where now.seconds(since: lost) >= Self.chargeLossSeconds: enter(.offline, now)
        case .updating where now.seconds(since: lost) >= Self.updateLossSeconds: enter(.offline, now)
        default: break
        }
    }

    // MARK: Phases

    /// Changes the phase; the parking has its time up to now by the one before.
    mutating func enter(_ phase: Phase, _ now: Timestamp) {
        guard phase != state.phase else { return }
        accountParking(now)
        let wasAway = state.phase.isAway
        state.phase = phase
        if phase.isAway || wasAway || phase == .online || phase == .suspended {
            state.lostAt = nil
            state.lostCount = 0
        }
        if !phase.isAway { state.wake = nil }
        if wasAway, !phase.isAway {
            state.lastUsed = now
            state.fastStep = nil
        }
    }

    /// What is shown, and the row of whether it can be reached.
    private mutating func settle(_ now: Timestamp, _ rows: inout [VehicleEffect]) {
        let shown: VehicleStateName =
            switch state.phase {
            case .unknown, .offline: .offline
            case .online: .online
            case .driving: state.lostAt.map { now.seconds(since: $0) >= Self.shownOfflineSeconds } ?? false ? .offline : .driving
            case .charging: .charging
            case .updating: .updating
            case .suspended: .suspended
            case .asleep: .asleep
            }
        if shown != state.shown {
            state.shown = shown
            state.since = now
        }
        let logged: LoggedState? =
            switch state.phase {
            case .unknown: nil
            case .asleep: .asleep
            case .offline: .offline
            default: .online
            }
        if let logged, logged != state.logged {
            state.logged = logged
            rows.append(.state(logged, at: state.times.beginState(now)))
        }
    }

    mutating func suspend(_ now: Timestamp, _ rows: inout [VehicleEffect]) {
        if let position = sample(state.carClock.latest ?? now).position { rows.append(.position(position)) }
        enter(.suspended, now)
    }

    private mutating func resume(_ now: Timestamp) {
        state.lastUsed = now
        switch state.phase {
        case .suspended:
            enter(.online, now)
            ask(.data, now)
        case .asleep, .offline, .unknown:
            state.fastStep = 0
            state.resumedAt = now
        default: break
        }
    }

    /// Asks as soon as may be.
    mutating func ask(_ question: PollPlan.Question, _ now: Timestamp) {
        state.urgent = question
        state.urgentAt = now
    }
}
