import Bytes
import Testing

@testable import Simulation

struct SimulationTests {
    private let start = Timestamp(seconds: 1_750_000_000)

    private func generated(seed: UInt64, days: Int = 7, stations count: Int = 6) -> (sites: [Site], sessions: [ChargingSession]) {
        let profile = GeneratorProfile()
        let stations = profile.stations(count)
        return (SiteCatalogue(stations: stations).sites, profile.sessions(stations: stations, days: days, from: start, seed: seed))
    }

    @Test func `the same seed gives the same sessions and another seed others`() {
        #expect(generated(seed: 1).sessions == generated(seed: 1).sessions)
        #expect(generated(seed: 1).sessions != generated(seed: 2).sessions)
    }

    @Test func `generated sessions can be charged, do not overlap and follow the week`() {
        let (sites, sessions) = generated(seed: 4, days: 56, stations: 10)
        for site in sites {
            let series = MeterSeries(site: site, sessions: sessions)
            #expect(series.skipped == 0)
            #expect(series.count == sessions.count { $0.stationID == site.stationID })
        }
        let weekend = sessions.count { s in [0, 6].contains(Civil.weekday(days: Civil.floorDivide(s.arrival.seconds + 8 * 3600, 86_400))) }
        #expect(weekend > 0 && Double(weekend) / 2 < 0.7 * Double(sessions.count - weekend) / 5)
    }

    @Test func `a station's sessions are the same whichever others there are`() {
        let few = generated(seed: 1, stations: 2).sessions.filter { $0.stationID == "CS-001" }
        let many = generated(seed: 1, stations: 9).sessions.filter { $0.stationID == "CS-001" }
        #expect(few.map(\.arrival) == many.map(\.arrival) && !few.isEmpty)
    }

    @Test func `sites are named and placed as the spec shows`() throws {
        let sites = SiteCatalogue(stations: GeneratorProfile().stations(120)).sites
        #expect(sites[0].meterID == "METER_001" && sites[0].devFacID == "FAC_001" && sites[119].meterID == "METER_120")
        #expect(sites[0].longitude == 116.4074 && sites[0].latitude == 39.9042)
        #expect(sites[0].charger.ratedPowerKw == 60 && sites[0].charger.maxInputCurrentA == 250 && sites[0].charger.maxOutputCurrentA == 200)
        #expect(sites.allSatisfy { (116.2...116.6).contains($0.longitude) && (39.7...40.1).contains($0.latitude) })
        #expect(Set(sites.map { "\($0.longitude) \($0.latitude)" }).count == 120)
        let lines = SiteCatalogue(stations: GeneratorProfile().stations(2)).ndjson.split(separator: UInt8(ascii: "\n"))
        let first = try JSONReader.read(Array(lines[0])) { (r) throws(JSONError) in try r.value() }
        guard case .object(let members) = first else {
            Issue.record("not an object")
            return
        }
        #expect(members.map(\.key) == ["meter_id", "longitude", "latitude", "dev_fac_id", "rated_power", "max_input_current", "max_output_current"])
    }

    @Test func `faults are the same for a seed, lie apart and are labelled`() {
        let (sites, sessions) = generated(seed: 1, days: 30)
        let mix = AnomalyMix(seed: 8, perSession: 0.8, perIdle: 0.5)
        var kinds: Set<InjectedAnomaly> = []
        for site in sites {
            let labels = MeterSeries(site: site, sessions: sessions, mix: mix).labels
            #expect(labels == MeterSeries(site: site, sessions: sessions, mix: mix).labels)
            #expect(labels != MeterSeries(site: site, sessions: sessions, mix: AnomalyMix(seed: 9, perSession: 0.8, perIdle: 0.5)).labels)
            #expect(zip(labels, labels.dropFirst()).allSatisfy { $0.end <= $1.start })
            kinds.formUnion(labels.map(\.kind))
        }
        #expect(kinds == Set(InjectedAnomaly.allCases))
    }

    @Test func `a series is a function of time alone`() {
        let (sites, sessions) = generated(seed: 1)
        let series = MeterSeries(site: sites[0], sessions: sessions)
        let times = (0..<500).map { start.adding(seconds: Int64($0) * 977) }
        let forward = times.map { series.sample(at: $0) }
        let backward = times.reversed().map { series.sample(at: $0) }
        #expect(forward == backward.reversed())
        #expect(forward.contains { ($0 ?? 0) > 5 } && forward.contains { ($0 ?? 9) < 0.1 })
    }

    @Test func `overlapping sessions are left out and counted`() {
        let site = SiteCatalogue(stations: [("S", ChargerType.all[0])]).sites[0]
        let make = { (id: String, from: Int64, to: Int64) in
            ChargingSession(
                stationID: "S", sessionID: id, arrival: start.adding(seconds: from), departure: start.adding(seconds: to), zone: .utc, deliveredKwh: 3)
        }
        let series = MeterSeries(site: site, sessions: [make("a", 0, 7200), make("b", 3600, 10_800), make("c", 7200, 14_400), make("d", 20_000, 20_060)])
        #expect(series.count == 2 && series.skipped == 2)
    }

    @Test func `a batch has a row per meter in the intake's form`() throws {
        let (sites, sessions) = generated(seed: 1)
        let series = sites.map { MeterSeries(site: $0, sessions: sessions) }
        var simulation = ChargingSimulation(series: series, sessions: sessions, start: start, speed: 60, stepSeconds: 30)
        #expect(simulation.waitSeconds == 0.5)
        let batch = simulation.tick()
        #expect(batch.rows == 6 && batch.time == start && simulation.next == start.adding(seconds: 30))
        let lines = batch.ndjson.split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == 6)
        let text = String(decoding: lines[0], as: UTF8.self)
        #expect(text.hasPrefix("{\"meter_id\":\"METER_001\",\"timestamp\":\"2025-06-15T15:06:40Z\",\"i\":"))
        #expect(text.hasSuffix(",\"dev_fac_id\":\"FAC_001\"}"))
    }

    @Test func `two simulations of the same start send the same bytes`() {
        let (sites, sessions) = generated(seed: 1)
        let series = sites.map { MeterSeries(site: $0, sessions: sessions, mix: AnomalyMix(seed: 1)) }
        var a = ChargingSimulation(series: series, sessions: sessions, start: start)
        var b = a
        for _ in 0..<50 { #expect(a.tick().ndjson == b.tick().ndjson) }
    }

    @Test(arguments: [0, 1, 1000, -1, -1000, 100_000])
    func `sessions repeat in whole weeks, forwards and backwards`(_ weeks: Int) {
        let (sites, sessions) = generated(seed: 1, days: 10)
        let series = sites.map { MeterSeries(site: $0, sessions: sessions) }
        let simulation = ChargingSimulation(series: series, sessions: sessions, start: start)
        let t = start.adding(seconds: 12_345)
        let moved = t.adding(seconds: Int64(weeks) * simulation.period)
        #expect(simulation.sourceTime(moved) == simulation.sourceTime(t))
        #expect(simulation.period % ChargingSimulation.week == 0)
        let source = simulation.sourceTime(moved)
        #expect(source >= simulation.origin && source < simulation.origin.adding(seconds: simulation.period))
    }

    @Test func `a gap leaves the meter out of the batch`() {
        let (sites, sessions) = generated(seed: 1, stations: 2)
        var series = sites.map { MeterSeries(site: $0, sessions: sessions) }
        let origin = sessions.map(\.arrival).min() ?? start
        series[0].add(AnomalyLabel(meterID: "METER_001", kind: .gap, start: origin, end: origin.adding(seconds: 60)))
        var simulation = ChargingSimulation(series: series, sessions: sessions, start: origin, stepSeconds: 30)
        #expect([simulation.tick().rows, simulation.tick().rows, simulation.tick().rows] == [1, 1, 2])
    }
}
