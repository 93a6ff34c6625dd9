import Bytes
import Protocol

/// All that a machine remembers.
struct MachineState: Equatable, Remembered {
    var phase = VehicleMachine.Phase.unknown
    var shown = VehicleStateName.offline
    /// nil: nothing has come yet.
    var since: Timestamp?
    var lastUsed = Timestamp(seconds: 0)
    /// Our time of the last input, and how long nothing had come before it, s.
    var clock = Timestamp(seconds: 0)
    var silence = 0.0
    var logged: LoggedState?

    /// The latest of everything, from answers and frames.
    var known = VehicleReading()
    /// Our time of the last complete answer, and of the last answer or frame that shows the car on its way.
    var dataAt: Timestamp?
    var contactAt: Timestamp?
    var carClock = CarClock()
    var odometer = Odometer()
    var times = RowTimes()

    var drive: DriveLog?
    var charge: ChargeLog?
    var parking: ParkingLog?
    var update = UpdateLog()
    var efficiency = Efficiency()
    var identity = CarIdentity()
    /// Where it stands since a drive ended of which the end was not seen: a parking begins there if it has not moved since.
    var resting: CarMoment?
    /// How far its odometer may be off, km.
    var restingSlackKm = 0.0

    /// Offline answers in a row, while it does something.
    var lostAt: Timestamp?
    var lostCount = 0
    /// A frame with P during a drive, and when it came.
    var parkedFrame: DriveSample?
    var parkedFrameAt = Timestamp(seconds: 0)

    var service = ServiceLog()
    /// A question that does not wait for the interval.
    var urgent: PollPlan.Question?
    var urgentAt = Timestamp(seconds: 0)
    /// Steps of the fast polling after a resume.
    var fastStep: Int?
    var resumedAt: Timestamp?
    /// It says it is online, and perhaps only some part of it is.
    var wake: Wake?
    var isStreaming = false
    var frameAt: Timestamp?

    struct Wake: Equatable, Remembered {
        var since = Timestamp(seconds: 0)
        /// A frame without power has come: nobody is there.
        var isFake = false

        mutating func remember(_ m: inout MachineMemory) {
            m("since", &since)
            m("fake", &isFake)
        }
    }

    mutating func remember(_ m: inout MachineMemory) {
        m("phase", &phase)
        m("shown", &shown)
        m("since", &since)
        m("last_used", &lastUsed)
        m("clock", &clock)
        m("silence", &silence)
        m("logged", &logged)
        m("known", &known)
        m("data_at", &dataAt)
        m("contact_at", &contactAt)
        m("car_clock", &carClock)
        m("odometer", &odometer)
        m("times", &times)
        m("drive", &drive)
        m("charge", &charge)
        m("parking", &parking)
        m("update", &update)
        m("efficiency", &efficiency)
        m("identity", &identity)
        m("resting", &resting)
        m("resting_slack", &restingSlackKm)
        m("lost_at", &lostAt)
        m("lost_count", &lostCount)
        m("parked_frame", &parkedFrame)
        m("parked_frame_at", &parkedFrameAt)
        m("service", &service)
        m("urgent", &urgent)
        m("urgent_at", &urgentAt)
        m("fast_step", &fastStep)
        m("resumed_at", &resumedAt)
        m("wake", &wake)
        m("streaming", &isStreaming)
        m("frame_at", &frameAt)
    }
}

/// A machine's memory as it is stored.
struct StoredMachine: Remembered {
    static let version = 1

    var version = 0
    var car = 0
    var state = MachineState()

    init() {}

    init(version: Int, car: Int, state: MachineState) {
        self.version = version
        self.car = car
        self.state = state
    }

    mutating func remember(_ m: inout MachineMemory) {
        m("version", &version)
        m("car", &car)
        m("state", &state)
    }
}

extension DriveSample: Remembered {
    init() { at = Timestamp(seconds: 0) }

    mutating func remember(_ m: inout MachineMemory) {
        m("at", &at)
        m("lat", &latitude)
        m("lon", &longitude)
        m("heading", &heading)
        m("speed", &speed)
        m("power", &power)
        m("level", &batteryLevel)
        m("range", &rangeKm)
        m("ideal", &idealRangeKm)
        m("odometer", &odometerKm)
        m("inside", &insideTemp)
        m("outside", &outsideTemp)
        m("elevation", &elevation)
        m("tpms", &tpms)
        m("streamed", &isStreamed)
    }
}
