public import Bytes
import Glibc

/// One meter with its place and its charger: a row of the spec's `site_data`.
public struct Site: Hashable, Sendable {
    public var meterID: String
    public var devFacID: String
    /// The station of the sessions that drive this meter.
    public var stationID: String
    public var longitude: Double
    public var latitude: Double
    public var charger: ChargerType

    /// Writes the row as `POST /api/ingest/sites` takes it.
    public func write(to w: inout JSONWriter) {
        w.object { w in
            w.member("meter_id", meterID)
            w.member("longitude", longitude)
            w.member("latitude", latitude)
            w.member("dev_fac_id", devFacID)
            w.member("rated_power", charger.ratedPowerKw)
            w.member("max_input_current", charger.maxInputCurrentA)
            w.member("max_output_current", charger.maxOutputCurrentA)
        }
    }
}

/// The sites of a simulation: the same stations always get the same meters, places and chargers.
public struct SiteCatalogue: Sendable {
    /// The spec's first site: the centre of Beijing, degrees.
    static let longitude = 116.4074
    static let latitude = 39.9042
    /// Spread of the others, degrees times the root of their number: the fiftieth is some 10 km out.
    static let spread = 0.013
    static let goldenAngle = 2.399963229728653

    public let sites: [Site]

    /// One meter per station, in the order of the stations' names, with the smallest charger that fits the station's sessions.
    public init(sessions: [ChargingSession]) {
        var strongest: [String: Double] = [:]
        for s in sessions { strongest[s.stationID] = max(strongest[s.stationID] ?? 0, s.meanKw) }
        let stations = strongest.keys.sorted()
        sites = stations.enumerated().map { Self.site($0, station: $1, charger: .fitting(meanKw: strongest[$1] ?? 0)) }
    }

    /// Meters for given stations and chargers.
    public init(stations: [(id: String, charger: ChargerType)]) {
        sites = stations.enumerated().map { Self.site($0, station: $1.id, charger: $1.charger) }
    }

    /// The rows as newline-delimited JSON.
    public var ndjson: [UInt8] {
        var out: [UInt8] = []
        for site in sites {
            var w = JSONWriter()
            site.write(to: &w)
            out.append(contentsOf: w.bytes)
            out.append(UInt8(ascii: "\n"))
        }
        return out
    }

    private static func site(_ index: Int, station: String, charger: ChargerType) -> Site {
        let angle = goldenAngle * Double(index)
        let radius = spread * Double(index).squareRoot()
        let round = { (v: Double) in (v * 10_000).rounded() / 10_000 }
        return Site(
            meterID: "METER_" + padded(index + 1), devFacID: "FAC_" + padded(index + 1), stationID: station,
            longitude: round(longitude + radius * cos(angle)), latitude: round(latitude + radius * sin(angle) * 0.77), charger: charger)
    }

    private static func padded(_ n: Int) -> String {
        let digits = String(n)
        return String(repeating: "0", count: max(0, 3 - digits.count)) + digits
    }
}
