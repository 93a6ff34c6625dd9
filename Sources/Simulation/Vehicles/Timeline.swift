public import Bytes
import Glibc

/// A car's life over time, worked out as far as somebody asks. The same car, life and seed give the same, however often and in whatever order it is asked.
public final class Timeline {
    private enum Kind {
        case parked(CarParking)
        case driving(VehicleRoute, DriveProfile.Style, seed: UInt64, offline: [Range<Double>])
    }

    private struct Segment {
        var start: Timestamp
        var seconds: Double
        var kind: Kind
        /// At its start.
        var odometerKm: Double
        var energyKwh: Double
        var inside: Double
        var point: GeoPoint
        var heading: Double
        var version: String
    }

    public let model: CarModel
    public let start: Timestamp
    private let seed: UInt64
    private var source: LifeSource
    private var segments: [Segment] = []
    /// What the next segment begins with.
    private var next: Segment
    private var profile: (segment: Int, DriveProfile)?
    private var recent = 0
    /// The coldest and the warmest of a day, °C.
    private let cold: Double
    private let warm: Double

    /// - Parameters:
    ///   - start: when its life begins, parked at `place`.
    ///   - level: how full the pack is, 0…1.
    public init(
        _ model: CarModel, _ life: CarLife, start: Timestamp, place: VehiclePlace, level: Double = 0.72, odometerKm: Double = 12_345.6,
        version: String = "2024.26.9 1d50a6b8", seed: UInt64 = 1
    ) {
        self.model = model
        self.start = start
        self.seed = seed
        source = LifeSource(life, home: place, seed: seed)
        var random = SeededRandom(seed: seed, name: "weather")
        cold = random.between(6, 14)
        warm = cold + random.between(6, 11)
        next = Segment(
            start: start, seconds: 0, kind: .driving(VehicleRoute(from: place.point, to: place.point), .city, seed: 0, offline: []), odometerKm: odometerKm,
            energyKwh: min(max(level, 0.05), 1) * model.packKwh, inside: cold + 5, point: place.point, heading: random.between(0, 360), version: version)
    }

    /// °C: warmest at two in the afternoon in Beijing.
    private func outside(_ t: Timestamp) -> Double {
        let hours = Double(t.microseconds) / 3.6e9 + 8
        return (cold + warm) / 2 + (warm - cold) / 2 * cos((hours - 14) / 12 * .pi)
    }

    // MARK: Making it

    private func extend(past t: Timestamp) {
        while next.start <= t {
            var segment = next
            let isFirst = segments.isEmpty
            let phase = source.next(at: segment.start, point: segment.point, level: segment.energyKwh / model.packKwh, version: segment.version)
            switch phase {
            case .park(let seconds, var plan):
                segment.seconds = max(seconds, 1)
                // Software that is there already does not come again.
                if plan.update?.version == segment.version { plan.update = nil }
                let start = segment.start
                let parking = CarParking(
                    plan, model, seconds: segment.seconds, pack: segment.energyKwh, body: isFirst ? CarBody() : .arrived, inside: segment.inside,
                    outside: { self.outside(start.adding(microseconds: Int64($0 * 1e6))) })
                segment.kind = .parked(parking)
                segments.append(segment)
                next.energyKwh = energy(segment, parking, segment.seconds)
                next.inside = parking.inside(segment.seconds) { self.outside(start.adding(microseconds: Int64($0 * 1e6))) }
                if let update = plan.update, update.at + update.downloadSeconds + update.installSeconds < segment.seconds { next.version = update.version }
            case .drive(let place, let highway, let offline):
                let route = VehicleRoute(from: segment.point, to: place.point)
                let own = SeededRandom.mix(seed ^ SeededRandom.mix(UInt64(segments.count)))
                segment.kind = .driving(route, highway ? .highway : .city, seed: own, offline: offline)
                let made = DriveProfile(route, highway ? .highway : .city, model, seed: own)
                segment.seconds = made.seconds
                profile = (segments.count, made)
                segments.append(segment)
                next.odometerKm = segment.odometerKm + route.km
                next.energyKwh = energy(segment, used: made.usedKwh, regen: made.regenKwh)
                next.inside = CarParking.comfortable
                next.point = place.point
                next.heading = route.at(km: route.km).heading
            }
            next.start = segment.start.adding(microseconds: Int64((segment.seconds * 1e6).rounded()))
        }
    }

    /// It never gets quite empty: a script that asks too much of it goes on all the same.
    private func energy(_ segment: Segment, used: Double, regen: Double) -> Double {
        min(max(segment.energyKwh - used + regen, 0.01 * model.packKwh), model.packKwh)
    }

    private func energy(_ segment: Segment, _ parking: CarParking, _ seconds: Double) -> Double {
        let left = segment.energyKwh - parking.drained(seconds) + (parking.charge?.added(seconds) ?? 0)
        return min(max(left, 0.01 * model.packKwh), model.packKwh)
    }

    private func index(_ t: Timestamp) -> Int {
        extend(past: t)
        func holds(_ i: Int) -> Bool { segments[i].start <= t && (i + 1 == segments.count || t < segments[i + 1].start) }
        if recent < segments.count, holds(recent) { return recent }
        var low = 0
        var high = segments.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if segments[middle].start <= t { low = middle } else { high = middle }
        }
        recent = low
        return low
    }

    private func profile(of i: Int) -> DriveProfile? {
        if let profile, profile.segment == i { return profile.1 }
        guard case .driving(let route, let style, let seed, _) = segments[i].kind else { return nil }
        let made = DriveProfile(route, style, model, seed: seed)
        profile = (i, made)
        return made
    }

    // MARK: Asking

    /// How the car is at an instant; before its life begins it is as at its begin.
    public func condition(at given: Timestamp) -> CarCondition {
        let t = max(given, start)
        let i = index(t)
        let segment = segments[i]
        let seconds = t.seconds(since: segment.start)
        var now = CarCondition(
            at: given, point: segment.point, elevationM: segment.point.elevationM, heading: segment.heading, shift: .park, speedKmh: 0, powerKw: 0,
            odometerKm: segment.odometerKm, energyKwh: segment.energyKwh, level: 0, ratedRangeKm: 0, body: .driving, isPreconditioning: false,
            inside: segment.inside, outside: outside(t), charge: nil, update: nil, version: segment.version, quietSince: nil, isOffline: false,
            isFakeWake: false)
        switch segment.kind {
        case .parked(let parking):
            let piece = parking.piece(seconds)
            now.body = piece.body
            now.isPreconditioning = piece.isPreconditioning
            now.inside = parking.inside(seconds) { self.outside(segment.start.adding(microseconds: Int64($0 * 1e6))) }
            now.energyKwh = energy(segment, parking, seconds)
            now.charge = parking.charge?.reading(seconds)
            now.update = parking.update(seconds)
            if let update = parking.plan.update, seconds >= update.at + update.downloadSeconds + update.installSeconds { now.version = update.version }
            let charging = now.charge?.kw ?? 0
            now.powerKw = charging > 0 ? -charging : piece.drainKw
            now.quietSince = piece.quietSince.map { segment.start.adding(microseconds: Int64($0 * 1e6)) }
            now.isOffline = piece.isOffline
            now.isFakeWake = piece.isFakeWake
        case .driving(let route, _, _, let offline):
            guard let profile = profile(of: i) else { break }
            let at = profile.at(seconds)
            let km = min(at.km, route.km)
            let place = route.at(km: km)
            now.point = place.point
            now.heading = place.heading
            now.elevationM = place.point.elevationM
            now.shift = profile.reverses && seconds < DriveProfile.reverseSeconds ? .reverse : .drive
            now.speedKmh = at.speed * 3.6
            now.powerKw = at.powerKw
            now.odometerKm += km
            now.energyKwh = energy(segment, used: at.usedKwh, regen: at.regenKwh)
            now.inside = CarParking.comfortable + (segment.inside - CarParking.comfortable) * exp(-seconds / 420)
            now.isOffline = offline.contains { $0.contains(seconds) }
        }
        now.level = now.energyKwh / model.packKwh
        now.ratedRangeKm = now.energyKwh / model.ratedKwhPerKm
        return now
    }

    /// Everything that has begun until `until`.
    public func truth(until: Timestamp) -> VehicleTruth {
        extend(past: until)
        var truth = VehicleTruth()
        for (i, segment) in segments.enumerated() where segment.start <= until {
            let seconds = min(segment.seconds, until.seconds(since: segment.start))
            let end = i + 1 < segments.count ? segments[i + 1].start : next.start
            switch segment.kind {
            case .driving(let route, _, _, _):
                if let profile = profile(of: i) { truth.add(route, profile, segment.start, end, segment.odometerKm, seconds, until) }
            case .parked(let parking): truth.add(parking, model, segment.energyKwh, segment.point, segment.start, end, seconds, until)
            }
        }
        return truth
    }
}

extension VehicleTruth {
    fileprivate mutating func add(
        _ route: VehicleRoute, _ profile: DriveProfile, _ start: Timestamp, _ end: Timestamp, _ odometerKm: Double, _ seconds: Double, _ until: Timestamp
    ) {
        let at = profile.at(seconds)
        let km = min(at.km, route.km)
        let seen = profile.knots[...min(Int(seconds / DriveProfile.stepSeconds), profile.knots.count - 1)]
        let powers = seen.map { Double($0.powerKw) }
        drives.append(
            Drive(
                start: start, end: end <= until ? end : nil, from: route.start, to: route.at(km: km).point, startOdometerKm: odometerKm,
                km: end <= until ? route.km : km, usedKwh: at.usedKwh, regenKwh: at.regenKwh,
                maxSpeedKmh: Double(seen.map(\.speed).max() ?? 0) * 3.6, maxPowerKw: powers.max() ?? 0, minPowerKw: powers.min() ?? 0))
    }

    fileprivate mutating func add(
        _ parking: CarParking, _ model: CarModel, _ pack: Double, _ point: GeoPoint, _ start: Timestamp, _ end: Timestamp, _ seconds: Double,
        _ until: Timestamp
    ) {
        func time(_ offset: Double) -> Timestamp { start.adding(microseconds: Int64((offset * 1e6).rounded())) }
        let events = parking.events.filter { $0.at <= seconds }.map { Event(at: time($0.at), event: $0.event) }
        parkings.append(
            Parking(
                start: start, end: end <= until ? end : nil, at: point, events: events, drainedKwh: parking.drained(seconds),
                addedKwh: parking.charge?.added(seconds) ?? 0))
        if let charge = parking.charge, charge.plan.at <= seconds, charge.endAt > charge.plan.at {
            let last = min(seconds, charge.endAt)
            let before = pack - parking.drained(charge.plan.at)
            charges.append(
                Charge(
                    start: time(charge.plan.at), end: charge.endAt <= seconds ? time(charge.endAt) : nil, addedKwh: charge.added(last),
                    drawnKwh: charge.drawn(last), peakKw: charge.peakKw, isFast: charge.plan.source.isFast, startLevel: before / model.packKwh,
                    endLevel: (pack - parking.drained(last) + charge.added(last)) / model.packKwh))
        }
        if let update = parking.plan.update, case let begin = update.at + update.downloadSeconds, begin <= seconds {
            let done = begin + update.installSeconds
            updates.append(Update(start: time(begin), end: done <= seconds ? time(done) : nil, version: update.version))
        }
    }
}
