import Bytes
import Testing

@testable import Simulation

struct ChargeCurveTests {
    /// Energy by the trapezoid rule from current and voltage, kWh.
    private func integral(_ curve: ChargeCurve, _ charger: ChargerType, seconds: Double) -> Double {
        // Nothing flows after the active time, which may be a small part of the stay.
        let n = 4000
        let dt = min(seconds, curve.activeSeconds) / Double(n)
        var sum = 0.0
        for i in 0..<n {
            let a = curve.powerKw(at: Double(i) * dt) * 1000 / charger.voltage
            let b = curve.powerKw(at: Double(i + 1) * dt) * 1000 / charger.voltage
            sum += (a + b) / 2 * charger.voltage * dt
        }
        return sum / 3_600_000
    }

    @Test(arguments: [
        (10.0, 8.0), (44.069, 14.56), (0.5, 8), (0.747, 0.65), (6.1, 1.0), (3.0, 0.6), (1.0, 0.15), (0.05, 0.05), (60, 20),
    ])
    func `current times voltage integrates to the delivered energy`(_ kwh: Double, _ hours: Double) throws {
        for charger in ChargerType.all {
            guard let curve = ChargeCurve(energyKwh: kwh, seconds: hours * 3600, charger: charger) else {
                #expect(kwh / hours > charger.ratedPowerKw * ChargerType.usableShare, "\(charger.name) could deliver it")
                continue
            }
            let energy = integral(curve, charger, seconds: hours * 3600)
            #expect(curve.powerKw(at: curve.activeSeconds + 1) == 0)
            #expect((energy / kwh - 1).magnitude < 0.01, "\(charger.name): \(energy) kWh")
            #expect(curve.activeSeconds <= hours * 3600 + 1e-6)
            #expect(curve.plateauKw <= charger.ratedPowerKw * ChargerType.usableShare + 1e-9)
        }
    }

    @Test func `a long stay has a ramp, a plateau, a taper and then nothing`() throws {
        let curve = try #require(ChargeCurve(energyKwh: 14, seconds: 8 * 3600, charger: ChargerType.all[0]))
        #expect(curve.powerKw(at: -1) == 0)
        #expect(curve.powerKw(at: 20) < curve.plateauKw)
        #expect(curve.powerKw(at: 3600) == curve.plateauKw)
        #expect(curve.powerKw(at: curve.ramp + curve.plateau + 600) < curve.plateauKw * 0.5)
        #expect(curve.powerKw(at: curve.activeSeconds) == 0)
    }

    @Test(arguments: [(0.0, 10.0), (-1, 10), (10, 0), (.nan, 10), (100, 3600)])
    func `no curve is made of what cannot be`(_ kwh: Double, _ seconds: Double) {
        #expect(ChargeCurve(energyKwh: kwh, seconds: seconds, charger: ChargerType.all[0]) == nil)
    }

    @Test(arguments: [(6.0, "AC 7 kW"), (6.95, "AC 8.8 kW"), (44.5, "DC 60 kW"), (0, "AC 7 kW"), (1e6, "DC 600 kW")])
    func `the smallest charger that can deliver is chosen`(_ kw: Double, _ name: String) {
        #expect(ChargerType.fitting(meanKw: kw).name == name)
    }

    @Test(.enabled(if: SharedData.exists, "the reference data is not in the repository"), arguments: SharedData.sessionFiles)
    func `every real session has a curve that keeps its energy`(_ name: String) throws {
        let file = try SessionFile(path: try #require(SharedData.folder) + "/ev-sessions/" + name)
        let chargers = Dictionary(uniqueKeysWithValues: SiteCatalogue(sessions: file.sessions).sites.map { ($0.stationID, $0.charger) })
        var worst = 0.0
        for (i, session) in file.sessions.enumerated() {
            let charger = try #require(chargers[session.stationID])
            let curve = try #require(
                ChargeCurve(energyKwh: session.deliveredKwh, seconds: session.seconds, charger: charger), "\(session)")
            if i % 10 == 0 { worst = max(worst, (integral(curve, charger, seconds: session.seconds) / session.deliveredKwh - 1).magnitude) }
        }
        #expect(worst < 0.01)
    }
}
