import Bytes
import Testing

@testable import Workers

struct ForecasterTests {
    private let limits = MeterLimits(maxOutputCurrentA: 200)
    /// A Monday, 00:00 in Beijing.
    private let monday = Timestamp(seconds: Civil.days(year: 2025, month: 6, day: 2) * 86_400 - 8 * 3600)

    /// Charges 09:00–12:00 local time on weekdays.
    private func trained(days: Int) -> Forecaster {
        var forecaster = Forecaster(limits: limits)
        for minute in stride(from: 0, to: days * 1440, by: 5) {
            let charges = (540..<720).contains(minute % 1440) && minute / 1440 % 7 < 5
            forecaster.on(Reading(timestamp: monday.adding(seconds: Int64(minute * 60)), currentA: charges ? 100 : 0), isCharging: charges)
        }
        return forecaster
    }

    @Test(arguments: [(24, 15, 96), (1, 15, 4), (6, 60, 6), (24, 7, 206), (0, 0, 60), (1000, 1440, 7)])
    func `the forecast covers the horizon on the step's grid`(_ hours: Int, _ step: Int, _ count: Int) {
        let points = Forecaster(limits: limits).forecast(from: monday, horizonHours: hours, stepMinutes: step)
        #expect(points.count == count)
        #expect(points.allSatisfy { $0.timestamp > monday })
        #expect(zip(points, points.dropFirst()).allSatisfy { $1.timestamp.seconds - $0.timestamp.seconds == Int64(max(step, 1) * 60) })
    }

    @Test func `an unheard meter is predicted idle`() {
        let points = Forecaster(limits: limits).forecast(from: monday)
        #expect(points.allSatisfy { $0.predictedA == 0 && !$0.isCharging && $0.pattern == .idle && $0.level == .green })
    }

    @Test func `without history the present fades`() {
        var forecaster = Forecaster(limits: limits)
        forecaster.on(Reading(timestamp: monday, currentA: 100), isCharging: true)
        let points = forecaster.forecast(from: monday)
        #expect(points[0].predictedA > 80 && points[0].isCharging)
        #expect(points[95].predictedA < 1 && !points[95].isCharging)
        #expect(zip(points, points.dropFirst()).allSatisfy { $0.predictedA >= $1.predictedA })
    }

    @Test func `a daily session is predicted at its local hours`() {
        let forecaster = trained(days: 10)
        // Thursday midnight.
        let points = forecaster.forecast(from: monday.adding(seconds: 10 * 86_400))
        for (i, point) in points.enumerated() {
            let minute = (i + 1) * 15
            let expected = (540..<720).contains(minute)
            #expect(point.isCharging == expected, "minute \(minute)")
            #expect(expected ? point.predictedA > 90 : point.predictedA < 10, "minute \(minute)")
        }
        #expect(points.first { $0.isCharging }?.pattern == .ramp)
    }

    @Test func `weekends have a profile of their own`() {
        let forecaster = trained(days: 12)
        let saturday = forecaster.forecast(from: monday.adding(seconds: 12 * 86_400))
        #expect(saturday.allSatisfy { !$0.isCharging })
    }

    @Test func `weekend slots not seen yet borrow from weekdays`() {
        let saturday = trained(days: 5).forecast(from: monday.adding(seconds: 5 * 86_400))
        #expect(saturday.contains { $0.isCharging })
    }

    @Test func `the seasonal forecast beats persistence on a daily pattern`() {
        let forecaster = trained(days: 10)
        let from = monday.adding(seconds: 10 * 86_400)
        let points = forecaster.forecast(from: from)
        var error = 0.0
        var persistence = 0.0
        for (i, point) in points.enumerated() {
            let actual: Double = (540..<720).contains((i + 1) * 15) ? 100 : 0
            error += (point.predictedA - actual).magnitude
            persistence += actual
        }
        #expect(error < 0.1 * persistence)
    }

    @Test func `a long silence teaches nothing about its slots`() {
        var forecaster = Forecaster(limits: limits)
        forecaster.on(Reading(timestamp: monday, currentA: 100), isCharging: true)
        forecaster.on(Reading(timestamp: monday.adding(seconds: 5 * 86_400), currentA: 0), isCharging: false)
        let points = forecaster.forecast(from: monday.adding(seconds: 5 * 86_400))
        #expect(points.filter(\.isCharging).count <= 2)
    }
}
