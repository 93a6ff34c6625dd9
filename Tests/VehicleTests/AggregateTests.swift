import Bytes
import Testing

@testable import Workers

/// What drives and charges add up to: the numbers are those of the reference's vectors.
@Suite struct AggregateTests {
    static let start = CarScript.start

    private static func close(_ a: Double?, _ b: Double, _ by: Double = 0.005) -> Bool { a.map { ($0 - b).magnitude <= by } ?? false }

    @Test func `14: five positions over 4 min 23 s`() {
        let table: [(second: Double, odometer: Double, speed: Int, power: Int, inside: Double, outside: Double, range: Double)] = [
            (0, 284.85156, 20, 5, 18, 20, 380.25), (60, 285.5, 42, 36, 18.5, 20.5, 379.5), (120, 286.4, 38, -7, 19, 21, 378.1),
            (200, 287.2, 30, 4, 19.5, 21.5, 377), (263, 288.045561, 0, 0, 20, 22, 376.19),
        ]
        var drive: DriveLog?
        for row in table {
            let sample = DriveSample(
                at: Self.start.adding(microseconds: Int64(row.second * 1e6)), latitude: 50 + row.odometer / 1000, longitude: 9, speed: row.speed,
                power: row.power, batteryLevel: 80, rangeKm: row.range, odometerKm: row.odometer, insideTemp: row.inside, outsideTemp: row.outside)
            if drive == nil { drive = DriveLog(sample) } else { drive?.add(sample) }
        }
        let end = drive?.end(.parked, efficiency: 0.15)
        #expect(end?.distanceKm == 3.194001)
        #expect(end?.durationMin.rounded() == 4)
        #expect(end?.speedMax == 42)
        #expect(end?.powerMax == 36)
        #expect(end?.powerMin == -7)
        #expect(end?.insideTempAvg == 19)
        #expect(end?.outsideTempAvg == 21)
        #expect(end?.start.rangeKm == 380.25)
        #expect(end?.end.rangeKm == 376.19)
        #expect(Self.close(end?.energyRangeKwh, 0.609, 1e-9))
        // Power holds for 15 s at most: 5, 36, −7 and 4 kW.
        #expect(Self.close(end?.energyUsedKwh, 45.0 * 15 / 3600, 1e-9))
        #expect(Self.close(end?.energyRegenKwh, 7.0 * 15 / 3600, 1e-9))
    }

    @Test func `15: one point, or no way, is no drive`() {
        let sample = DriveSample(at: Self.start, latitude: 50, longitude: 9, odometerKm: 10)
        var drive = DriveLog(sample)
        #expect(drive.isNone)
        var second = sample
        second.at = Self.start.adding(seconds: 10)
        drive.add(second)
        #expect(drive.isNone)
        second.at = Self.start.adding(seconds: 20)
        second.odometerKm = 10.01
        drive.add(second)
        #expect(!drive.isNone)
    }

    @Test(arguments: [([nil, 150, 120, 180], 60, 30), ([100], 0, 0), ([nil], nil, nil), ([-10, 5, -20], 15, 25)] as [([Int?], Int?, Int?)])
    func `16: ascent and descent`(elevations: [Int?], ascent: Int?, descent: Int?) {
        var drive: DriveLog?
        for (i, elevation) in elevations.enumerated() {
            let sample = DriveSample(at: Self.start.adding(seconds: Int64(i)), odometerKm: Double(i), elevation: elevation)
            if drive == nil { drive = DriveLog(sample) } else { drive?.add(sample) }
        }
        let end = drive?.end(.parked, efficiency: nil)
        #expect(end?.ascentM == ascent)
        #expect(end?.descentM == descent)
    }

    private static func charge(
        _ count: Int, kw: Int, phases: (Int) -> Int?, amps: (Int) -> Int = { _ in 16 }, volts: Int = 229, everySeconds: Int64 = 60
    ) -> ChargeLog {
        var log = ChargeLog(start: CarMoment(at: start), isFast: false, isFree: false)
        for i in 0..<count {
            log.add(
                ChargePoint(
                    at: start.adding(seconds: Int64(i) * everySeconds), rangeKm: 100 + Double(i), power: kw, voltage: volts, current: amps(i),
                    phases: phases(i),
                    energyAddedKwh: Double(i) / 10))
        }
        return log
    }

    @Test func `24: rows of 0.41, 0.51, 0.72 and 0.72 kWh over 4 min 13 s`() {
        var log = ChargeLog(start: CarMoment(at: Self.start), isFast: false, isFree: false)
        let rows: [(Int64, Double, Int, Double)] = [(0, 0.41, 50, 15.1), (90, 0.51, 52, 15.3), (180, 0.72, 54, 15.4), (253, 0.72, 54, 15.4)]
        for (second, added, level, temperature) in rows {
            log.add(
                ChargePoint(
                    at: Self.start.adding(seconds: second), batteryLevel: level, rangeKm: 200, power: 5, energyAddedKwh: added, outsideTemp: temperature))
        }
        let end = log.end(.complete)
        #expect(end.energyAddedKwh == 0.31)
        #expect(end.durationMin.rounded() == 4)
        #expect(end.end.batteryLevel == 54)
        #expect(log.start.batteryLevel == 50)
        #expect(Self.close(end.outsideTempAvg, 15.3, 1e-9))
        #expect(log.end(.complete) == end)
    }

    @Test func `28: few points, or phases told now and then: by the charger's power`() {
        let told = Self.charge(12, kw: 7, phases: { _ in 2 })
        let mixed = Self.charge(12, kw: 7, phases: { $0 % 2 == 0 ? nil : 2 })
        #expect(Self.close(told.energyUsed, 1.28))
        #expect(Self.close(mixed.energyUsed, 1.28))
    }

    @Test func `29, 30: a phase count of zero is none, and one odd point does not spoil it`() {
        let zero = Self.charge(20, kw: 1, phases: { _ in 3 })
        #expect(Self.close(zero.energyUsed, 0.32))
        let odd = Self.charge(20, kw: 7, phases: { _ in 1 }, amps: { $0 == 19 ? 1 : 32 }, volts: 230)
        #expect(Self.close(odd.energyUsed, 2.22))
    }

    @Test func `31: large currents do not overflow`() {
        let dc = Self.charge(6, kw: 35, phases: { _ in nil }, amps: { _ in 155 }, volts: 230)
        #expect(Self.close(dc.energyUsed, 2.92))
    }

    @Test(
        arguments: [
            // 8 kW at 12 A and 231 V are three phases, whatever is told; 3 kW at 13 A and 230 V are one; 11 kW at 28 A and 220 V told as three are √3.
            (8, 2, 12, 231, 3.0), (3, 2, 13, 230, 1.0), (11, 3, 28, 220, 3.0.squareRoot()), (11, 3, 16, 230, 3.0),
        ])
    func `32: phases and voltages are put right`(kw: Int, told: Int, amps: Int, volts: Int, phases: Double) {
        let log = Self.charge(20, kw: kw, phases: { _ in told }, amps: { _ in amps }, volts: volts)
        let kwh = phases * Double(amps * volts) / 1000 * 19 / 60
        #expect(Self.close(log.energyUsed, kwh, 1e-9))
    }

    private static func session(_ added: Double, _ gain: Double, minutes: Int64, level: Int = 80) -> ChargeLog {
        var log = ChargeLog(start: CarMoment(at: start), isFast: false, isFree: false)
        log.add(ChargePoint(at: start, batteryLevel: 20, rangeKm: 100, power: 7, energyAddedKwh: 0))
        log.add(ChargePoint(at: start.adding(seconds: minutes * 60), batteryLevel: level, rangeKm: 100 + gain, power: 7, energyAddedKwh: added))
        return log
    }

    @Test func `35: two charges make an efficiency, one does not, and short or empty ones do not count`() {
        var efficiency = Efficiency()
        #expect(efficiency.learn(Self.session(10.57, 70.8, minutes: 60)) == nil)
        #expect(efficiency.kwhPerKm == nil)
        #expect(efficiency.learn(Self.session(0, 70, minutes: 60)) == nil)
        #expect(efficiency.learn(Self.session(25.56, 166.5, minutes: 9)) == nil)
        #expect(efficiency.learn(Self.session(25.56, 166.5, minutes: 36, level: 99)) == nil)
        #expect(efficiency.learn(Self.session(25.56, 166.5, minutes: 36)) == 0.15)
        #expect(efficiency.kwhPerKm == 0.15)
        for _ in 0..<8 { _ = efficiency.learn(Self.session(15.3128, 100, minutes: 36)) }
        #expect(efficiency.kwhPerKm == 0.15313)
        for _ in 0..<300 { _ = efficiency.learn(Self.session(16, 100, minutes: 36)) }
        #expect(efficiency.kwhPerKm == 0.16)
    }
}
