import Bytes
import CLinux
import Simulation

/// What `simulate charging` and the demo play: real sessions where there are any, else the generator's own.
struct ChargingScenario {
    var sites: SiteCatalogue
    var sessions: [ChargingSession]
    var series: [MeterSeries]
    /// Where the sessions came from, for people.
    var origin: String

    /// - Parameters:
    ///   - file: a session file; nil looks for `shared/data/ev-sessions` beside the project.
    ///   - meters: at most so many stations.
    ///   - busyAt: shifts the sessions so that at this time it is a Wednesday's late morning; nil keeps weekdays and hours.
    init(file: String?, home: Home?, meters: Int, seed: UInt64, offset: UTCOffset, busyAt: Timestamp? = nil) throws {
        let found = file ?? home.flatMap { Self.neighbour($0) }
        if let found {
            let read = try SessionFile(path: found)
            for rejected in read.rejected.prefix(5) { print("\(found) line \(rejected.line): \(rejected.reason)") }
            let all = read.sessions.map { $0.relocated(to: offset) }
            // The busiest stations make the liveliest picture.
            var counts: [String: Int] = [:]
            for session in all { counts[session.stationID, default: 0] += 1 }
            let kept = Set(counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(meters).map(\.key))
            sessions = all.filter { kept.contains($0.stationID) }
            sites = SiteCatalogue(sessions: sessions)
            origin = found
        } else {
            let profile = GeneratorProfile()
            let stations = profile.stations(meters)
            sessions = profile.sessions(stations: stations, days: 28, from: Timestamp(seconds: 1_735_660_800), zone: offset, seed: seed)
            sites = SiteCatalogue(stations: stations)
            origin = "generated sessions"
        }
        if let busyAt {
            let shift = Self.weekSeconds(busyAt, offset) - Self.busyWeekSecond
            for i in sessions.indices {
                sessions[i].arrival = sessions[i].arrival.adding(seconds: shift)
                sessions[i].departure = sessions[i].departure.adding(seconds: shift)
            }
        }
        guard !sessions.isEmpty else { throw UsageError("no sessions in \(origin)") }
        let mix = AnomalyMix(seed: seed, perSession: 0.25, perIdle: 0.05)
        let sessions = sessions
        series = sites.sites.map { MeterSeries(site: $0, sessions: sessions, mix: mix, seed: seed) }
    }

    /// Wednesday 11:00, counted from Thursday 00:00 as the epoch's weeks begin.
    private static let busyWeekSecond: Int64 = 6 * 86_400 + 11 * 3600

    /// Seconds since the local week began.
    private static func weekSeconds(_ time: Timestamp, _ offset: UTCOffset) -> Int64 {
        let local = time.seconds + offset.seconds
        return local - Civil.floorDivide(local, ChargingSimulation.week) * ChargingSimulation.week
    }

    private static func neighbour(_ home: Home) -> String? {
        for name in ["caltech-2019-05-01_2019-08-31.csv.gz", "caltech-2019-09-01_2019-12-31.csv.gz"] {
            let path = home.path + "/../shared/data/ev-sessions/" + name
            if access(path, R_OK) == 0 { return path }
        }
        return nil
    }
}
