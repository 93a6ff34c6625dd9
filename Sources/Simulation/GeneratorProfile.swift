public import Bytes

/// A small profile that makes plausible sessions where no recorded ones are at hand: a workplace garage, in round numbers.
public struct GeneratorProfile: Hashable, Sendable {
    /// Arrivals per station and day.
    public var weekdayArrivals = 0.6
    public var weekendArrivals = 0.25
    /// Weight of arrivals in each two hours of the local day, from midnight.
    public var weekdayHours: [Double] = [1, 1, 2, 20, 130, 60, 40, 20, 16, 16, 8, 2]
    public var weekendHours: [Double] = [1, 1, 1, 6, 18, 22, 20, 20, 16, 12, 9, 4]
    /// Quarter points of the stay, hours: shortest, quarter, half, three quarters, longest.
    public var stayHours: [Double] = [0.5, 2, 5, 8.5, 14]
    /// Quarter points of the energy taken, as a share of what the charger could deliver in the stay, up to a battery's worth.
    public var energyShares: [Double] = [0.05, 0.2, 0.35, 0.6, 0.95]
    public var batteryKwh = 60.0
    /// Stays at chargers of 30 kW and more are this share of the others.
    public var fastStayShare = 0.15
    /// … and come this many times as often.
    public var fastArrivals = 6.0

    public init() {}

    /// Stations `CS-001`… with the chargers of the spec's example first.
    public func stations(_ count: Int) -> [(id: String, charger: ChargerType)] {
        let kinds = [ChargerType.all[3], ChargerType.all[4], ChargerType.all[0], ChargerType.all[0], ChargerType.all[1]]
        return (0..<max(count, 0)).map { i in
            let digits = String(i + 1)
            return ("CS-" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits, kinds[i % kinds.count])
        }
    }

    /// Sessions for stations over whole local days from `start` on, sorted by station and arrival, never overlapping at one station.
    public func sessions(
        stations: [(id: String, charger: ChargerType)], days: Int, from start: Timestamp, zone: UTCOffset = .beijing, seed: UInt64
    ) -> [ChargingSession] {
        var out: [ChargingSession] = []
        let firstDay = Civil.floorDivide(start.seconds + zone.seconds, 86_400)
        for station in stations {
            var random = SeededRandom(seed: seed, name: station.id)
            var free = Timestamp(microseconds: .min)
            for day in 0..<Int64(max(days, 0)) {
                for arrival in arrivals(firstDay + day, station.charger, zone, &random) where arrival >= free {
                    let session = stay(station, arrival, zone, number: out.count, &random)
                    free = session.departure.adding(seconds: 300)
                    out.append(session)
                }
            }
        }
        return out
    }

    private func isFast(_ charger: ChargerType) -> Bool { charger.ratedPowerKw >= 30 }

    private func arrivals(_ day: Int64, _ charger: ChargerType, _ zone: UTCOffset, _ random: inout SeededRandom) -> [Timestamp] {
        let weekday = Civil.weekday(days: day)
        let isWeekend = weekday == 0 || weekday == 6
        let mean = (isWeekend ? weekendArrivals : weekdayArrivals) * (isFast(charger) ? fastArrivals : 1)
        let count = Int(mean) + (random.unit() < mean - mean.rounded(.down) ? 1 : 0)
        let midnight = day * 86_400 - zone.seconds
        return (0..<count).map { _ in
            let hour = Double(2 * random.index(weights: isWeekend ? weekendHours : weekdayHours)) + random.between(0, 2)
            return Timestamp(seconds: midnight + Int64(hour * 3600))
        }.sorted()
    }

    private func stay(
        _ station: (id: String, charger: ChargerType), _ arrival: Timestamp, _ zone: UTCOffset, number: Int, _ random: inout SeededRandom
    ) -> ChargingSession {
        let hours = Self.draw(stayHours, &random) * (isFast(station.charger) ? fastStayShare : 1)
        let most = min(batteryKwh, station.charger.ratedPowerKw * 0.8 * hours)
        let kwh = max(0.5, (most * Self.draw(energyShares, &random) * 1000).rounded() / 1000)
        return ChargingSession(
            stationID: station.id, sessionID: station.id + "-" + String(number + 1), arrival: arrival,
            departure: arrival.adding(seconds: Int64(max(hours * 3600, 600))), zone: zone, deliveredKwh: kwh, isClaimed: true)
    }

    /// Inverts the distribution that the quarter points give, straight between them.
    private static func draw(_ quarters: [Double], _ random: inout SeededRandom) -> Double {
        let x = random.unit() * 4
        let i = min(Int(x), 3)
        return quarters[i] + (quarters[i + 1] - quarters[i]) * (x - Double(i))
    }
}
