import Bytes
import Protocol

/// Reads sites from a request body: the fields of the spec's `site_data`. A row that breaks a rule is reported and left out.
struct SiteIntake: IntakeRows {
    private struct Fault: Error {
        let reason: String
    }

    private(set) var report = IntakeReport()
    /// One of each meter: the last one counts. By its bytes: Swift takes some different texts for equal.
    private var sites: [ChargingSite] = []
    private var row = JSONValue.null
    private var places: [[UInt8]: Int] = [:]

    mutating func badLine(_ error: JSONError) { report.reject(error.description) }

    mutating func read(_ reader: inout JSONReader) throws(JSONError) { row = try reader.value() }

    mutating func take() {
        do throws(Fault) {
            let site = try Self.site(row)
            let key = Array(site.meterID.utf8)
            if let place = places[key] {
                sites[place] = site
            } else {
                places[key] = sites.count
                sites.append(site)
            }
            report.accept()
        } catch {
            report.reject(error.reason)
        }
    }

    /// The sites as the worker gets them: a JSON array.
    var payload: [UInt8] {
        var w = JSONWriter(capacity: 2 + sites.count * 200)
        w.array { w in
            for site in sites {
                w.object { w in
                    w.member("meter_id", site.meterID)
                    w.member("longitude", site.longitude)
                    w.member("latitude", site.latitude)
                    w.member("dev_fac_id", site.facilityID)
                    w.member("rated_power", site.ratedPower)
                    w.member("max_input_current", site.maxInputCurrent)
                    w.member("max_output_current", site.maxOutputCurrent)
                }
            }
        }
        return w.bytes
    }

    // MARK: One site

    private static func site(_ json: JSONValue) throws(Fault) -> ChargingSite {
        guard let members = json.object else { throw Fault(reason: "must be an object") }
        var fields: [String: JSONValue] = [:]
        for (key, value) in members { fields[key] = value }
        guard let meter = try id("meter_id", fields) else { throw Fault(reason: "meter_id is missing") }
        return ChargingSite(
            meterID: meter, longitude: try degrees("longitude", fields, 180), latitude: try degrees("latitude", fields, 90),
            facilityID: try id("dev_fac_id", fields), ratedPower: try rating("rated_power", fields),
            maxInputCurrent: try rating("max_input_current", fields), maxOutputCurrent: try rating("max_output_current", fields))
    }

    private static func id(_ name: String, _ fields: [String: JSONValue]) throws(Fault) -> String? {
        guard let value = fields[name], !value.isNull else { return nil }
        guard let text = value.string else { throw Fault(reason: "\(name) must be a string") }
        if text.isEmpty { return nil }
        let isClean = !text.unicodeScalars.contains { $0.properties.generalCategory == .control }
        guard text.utf8.count <= ChargingNames.maxIDBytes, isClean else {
            throw Fault(reason: "\(name) must have 1 to \(ChargingNames.maxIDBytes) bytes and no control characters")
        }
        return text
    }

    private static func degrees(_ name: String, _ fields: [String: JSONValue], _ bound: Double) throws(Fault) -> Double {
        guard let value = fields[name], !value.isNull else { throw Fault(reason: "\(name) is missing") }
        guard let number = value.double, number.magnitude <= bound else { throw Fault(reason: "\(name) must be a number from \(-Int(bound)) to \(Int(bound))") }
        return number
    }

    private static func rating(_ name: String, _ fields: [String: JSONValue]) throws(Fault) -> Double? {
        guard let value = fields[name], !value.isNull else { return nil }
        guard let number = value.double, number.isFinite, number >= 0 else { throw Fault(reason: "\(name) must be a number, 0 or more") }
        return number
    }
}
