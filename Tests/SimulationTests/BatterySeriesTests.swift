import Bytes
import Simulation
import Testing

@Suite struct BatterySeriesTests {
    private static let start = Timestamp(seconds: 1_780_000_000)

    private static func samples(_ series: BatterySeries, hours: Int, stepSeconds: Int64 = 60) -> [(at: Timestamp, sample: BatterySample?)] {
        (0..<Int64(hours) * 3_600 / stepSeconds).map { n in
            let t = start.adding(seconds: n * stepSeconds)
            return (t, series.sample(at: t))
        }
    }

    @Test func theSameSeedGivesTheSameDeviceAndAnotherOneAnother() {
        let a = Self.samples(BatterySeries(name: "d", seed: 1), hours: 24).map(\.sample)
        #expect(a == Self.samples(BatterySeries(name: "d", seed: 1), hours: 24).map(\.sample))
        #expect(a != Self.samples(BatterySeries(name: "d", seed: 2), hours: 24).map(\.sample))
        #expect(a != Self.samples(BatterySeries(name: "e", seed: 1), hours: 24).map(\.sample))
    }

    @Test func everySampleIsOneThatTheIntakeTakes() {
        for n in 0..<50 {
            for (_, sample) in Self.samples(BatterySeries(name: "d\(n)", seed: 3), hours: 72, stepSeconds: 300) {
                guard let sample else { continue }
                #expect((0...100).contains(sample.level) && (-40...85).contains(sample.temperature) && (0...10).contains(sample.voltage))
            }
        }
    }

    @Test func aBatteryFallsWhileItDrainsAndRisesWhileItIsCharged() {
        let samples = Self.samples(BatterySeries(name: "d", seed: 5, incidentShare: 0), hours: 48).compactMap(\.sample)
        #expect(samples.contains { $0.isCharging } && samples.contains { !$0.isCharging })
        for (a, b) in zip(samples, samples.dropFirst()) where a.isCharging == b.isCharging {
            #expect(a.isCharging ? b.level >= a.level : b.level <= a.level)
        }
    }

    @Test func incidentsAreWhatTheySay() {
        var seen = Set<String>()
        for n in 0..<40 {
            let series = BatterySeries(name: "d\(n)", seed: 9, incidentShare: 1)
            let samples = Self.samples(series, hours: 48)
            for (i, (at, sample)) in samples.enumerated() {
                switch series.incident(at: at)?.incident {
                case .silence: if sample == nil { seen.insert("silence") }
                case .heat: if let sample, sample.temperature > 45 { seen.insert("heat") }
                case .drain:
                    if i >= 10, let sample, let before = samples[i - 10].sample, !sample.isCharging, before.level - sample.level >= 15 { seen.insert("drain") }
                case nil: Issue.record("a cycle without an incident")
                }
                if sample == nil, case .silence = series.incident(at: at)?.incident { continue }
                #expect(sample != nil)
            }
        }
        #expect(seen == ["silence", "heat", "drain"])
    }
}
