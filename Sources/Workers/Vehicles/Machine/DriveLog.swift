import Bytes

/// What a poll or a frame says of a car on its way, put together with what was known before.
struct DriveSample: Equatable {
    var at: Timestamp
    var latitude: Double?
    var longitude: Double?
    var heading: Int?
    var speed: Int?
    var power: Int?
    var batteryLevel: Int?
    var rangeKm: Double?
    var idealRangeKm: Double?
    var odometerKm: Double?
    var insideTemp: Double?
    var outsideTemp: Double?
    var elevation: Int?
    var tpms = TirePressures()
    /// From the stream: range, temperatures and pressures are those of the last poll, and the odometer is a rounded one.
    var isStreamed = false

    /// nil: it is not known where it is.
    var position: CarPosition? {
        guard let latitude, let longitude else { return nil }
        return CarPosition(
            at: at, latitude: latitude, longitude: longitude, heading: heading, speed: speed, power: power, batteryLevel: batteryLevel, rangeKm: rangeKm,
            odometerKm: odometerKm, insideTemp: insideTemp, outsideTemp: outsideTemp, elevation: elevation, tpms: tpms, isStreamed: isStreamed)
    }

    var moment: CarMoment {
        CarMoment(at: at, batteryLevel: batteryLevel, rangeKm: rangeKm, odometerKm: odometerKm, latitude: latitude, longitude: longitude)
    }
}

/// An open drive: sums that go on from sample to sample, so that nothing has to be read when it closes.
///
/// | figure | rule |
/// |---|---|
/// | distance | last − first odometer; without one, the way between the positions |
/// | energy used, regained | power held until the next sample, 15 s at most, over vehicle time; above and below zero |
/// | energy by range | (first − last range) × efficiency; nil where it is negative |
/// | temperatures | mean of the polls: frames have none |
/// | ascent, descent | sum of the rises, of the falls |
/// | gap | time between samples that are more than a minute apart |
struct DriveLog: Equatable, Remembered {
    var start = CarMoment()
    /// Its last sample, field by field the last that was known.
    var last = CarMoment()
    var lastIdealRangeKm: Double?
    /// Samples, and those of them with a place.
    var samples = 0
    var positions = 0
    /// The last odometer is a frame's, which is a rounded one.
    private(set) var isLastStreamed = false

    private var gapSeconds = 0.0
    private var pathKm = 0.0
    private var speedMax: Int?
    private var powerMax: Int?
    private var powerMin: Int?
    private var lastPower: Int?
    private var usedKwh = 0.0
    private var regainedKwh = 0.0
    private var hasPower = false
    private var insideSum = 0.0
    private var insideCount = 0
    private var outsideSum = 0.0
    private var outsideCount = 0
    private var lastElevation: Int?
    private var ascent = 0
    private var descent = 0

    /// s.
    static let powerHoldMax = 15.0
    static let gapMin = 60.0
    /// km: a drive below is none.
    static let distanceMin = 0.01

    init() {}

    init(_ first: DriveSample) {
        start = first.moment
        last = first.moment
        add(first)
    }

    /// Takes a sample of its time or later.
    mutating func add(_ sample: DriveSample) {
        let seconds = max(0, sample.at.seconds(since: last.at))
        if seconds > Self.gapMin { gapSeconds += seconds }
        if let power = lastPower, samples > 0 {
            let kwh = Double(power) * min(seconds, Self.powerHoldMax) / 3600
            if kwh >= 0 { usedKwh += kwh } else { regainedKwh -= kwh }
        }
        lastPower = sample.power ?? (seconds > Self.powerHoldMax ? nil : lastPower)
        if let power = sample.power {
            hasPower = true
            powerMax = max(powerMax ?? power, power)
            powerMin = min(powerMin ?? power, power)
        }
        if let speed = sample.speed { speedMax = max(speedMax ?? speed, speed) }
        if !sample.isStreamed { warm(sample) }
        if let elevation = sample.elevation {
            let rise = elevation - (lastElevation ?? elevation)
            if rise > 0 { ascent += rise } else { descent -= rise }
            lastElevation = elevation
        }
        samples += 1
        if sample.position != nil { positions += 1 }
        moveOn(to: sample)
    }

    private mutating func moveOn(to sample: DriveSample) {
        if let latitude = sample.latitude, let longitude = sample.longitude {
            if let fromLatitude = last.latitude, let fromLongitude = last.longitude {
                pathKm += Geography.km(fromLatitude, fromLongitude, latitude, longitude)
            }
            last.latitude = latitude
            last.longitude = longitude
            if start.latitude == nil {
                start.latitude = latitude
                start.longitude = longitude
            }
        }
        last.at = max(last.at, sample.at)
        last.batteryLevel = sample.batteryLevel ?? last.batteryLevel
        start.batteryLevel = start.batteryLevel ?? sample.batteryLevel
        if !sample.isStreamed || last.rangeKm == nil { last.rangeKm = sample.rangeKm ?? last.rangeKm }
        start.rangeKm = start.rangeKm ?? sample.rangeKm
        lastIdealRangeKm = sample.idealRangeKm ?? lastIdealRangeKm
        if let odometer = sample.odometerKm {
            // A poll says it exactly, and may correct a frame; nothing goes back behind the start.
            let lowest = sample.isStreamed ? last.odometerKm ?? odometer : start.odometerKm ?? odometer
            last.odometerKm = max(odometer, lowest)
            start.odometerKm = start.odometerKm ?? odometer
            isLastStreamed = sample.isStreamed
        }
    }

    /// Takes of an answer what frames do not say: it is older than the last of them.
    mutating func refresh(_ sample: DriveSample) {
        last.rangeKm = sample.rangeKm ?? last.rangeKm
        start.rangeKm = start.rangeKm ?? sample.rangeKm
        lastIdealRangeKm = sample.idealRangeKm ?? lastIdealRangeKm
        warm(sample)
    }

    private mutating func warm(_ sample: DriveSample) {
        if let inside = sample.insideTemp {
            insideSum += inside
            insideCount += 1
        }
        if let outside = sample.outsideTemp {
            outsideSum += outside
            outsideCount += 1
        }
    }

    /// The odometer has been found to stand elsewhere: what was driven stays.
    mutating func shiftOdometer(by km: Double) {
        start.odometerKm = start.odometerKm.map { CarUnits.round($0 + km, 1e6) }
        last.odometerKm = last.odometerKm.map { CarUnits.round($0 + km, 1e6) }
    }

    /// km.
    var distance: Double {
        guard let from = start.odometerKm, let to = last.odometerKm else { return CarUnits.round(pathKm, 1e6) }
        return max(0, CarUnits.round(to - from, 1e6))
    }

    /// Too short to be a drive.
    var isNone: Bool { samples < 2 || distance < Self.distanceMin }

    func end(_ reason: EndReason, efficiency: Double?) -> DriveEnd {
        var byRange: Double?
        if let efficiency, let from = start.rangeKm, let to = last.rangeKm, from >= to { byRange = (from - to) * efficiency }
        return DriveEnd(
            end: last, durationMin: last.at.seconds(since: start.at) / 60, distanceKm: distance, speedMax: speedMax, powerMax: powerMax, powerMin: powerMin,
            insideTempAvg: insideCount > 0 ? insideSum / Double(insideCount) : nil,
            outsideTempAvg: outsideCount > 0 ? outsideSum / Double(outsideCount) : nil, energyUsedKwh: hasPower ? usedKwh : nil,
            energyRegenKwh: hasPower ? regainedKwh : nil, energyRangeKwh: byRange, ascentM: lastElevation == nil ? nil : ascent,
            descentM: lastElevation == nil ? nil : descent, positions: positions, start: start, gapSeconds: Int(gapSeconds.rounded()), reason: reason)
    }

    mutating func remember(_ m: inout MachineMemory) {
        m("start", &start)
        m("last", &last)
        m("ideal", &lastIdealRangeKm)
        m("samples", &samples)
        m("positions", &positions)
        m("streamed", &isLastStreamed)
        m("gap", &gapSeconds)
        m("path", &pathKm)
        m("speed_max", &speedMax)
        m("power_max", &powerMax)
        m("power_min", &powerMin)
        m("power", &lastPower)
        m("used", &usedKwh)
        m("regained", &regainedKwh)
        m("has_power", &hasPower)
        m("inside_sum", &insideSum)
        m("inside_count", &insideCount)
        m("outside_sum", &outsideSum)
        m("outside_count", &outsideCount)
        m("elevation", &lastElevation)
        m("ascent", &ascent)
        m("descent", &descent)
    }
}
