import Bytes
import Glibc
import Testing

@testable import Simulation

struct SessionFileTests {
    private static let header = "arrival,departure,requested_energy (kWh),delivered_energy (kWh),station_id,session_id,estimated_departure,claimed\n"

    private func parse(_ rows: String) throws -> SessionFile { try SessionFile(parsing: Array((Self.header + rows).utf8)) }

    @Test func `a row is read with its zone`() throws {
        let file = try parse("2019-05-01 01:18:45-07:00,2019-05-01 15:52:36-07:00,60.0,44.069,CA-305,s1,2019-05-01 09:20:45-07:00,True\r\n")
        let s = try #require(file.sessions.first)
        #expect(RFC3339.string(s.arrival) == "2019-05-01T08:18:45Z")
        #expect(s.zone == UTCOffset(seconds: -7 * 3600))
        #expect(s.deliveredKwh == 44.069 && s.requestedKwh == 60 && s.isClaimed)
        #expect(RFC3339.string(s.relocated(to: .beijing).arrival, .local(.beijing)) == "2019-05-01T01:18:45")
        #expect(s.relocated(to: .beijing).seconds == s.seconds)
    }

    @Test(arguments: [
        ("2019-05-01 01:18:45,2019-05-01 15:52:36-07:00,1,1,A,s,,True", "arrival"), ("x,2019-05-01 15:52:36-07:00,1,1,A,s,,True", "arrival"),
        ("2019-05-01 01:00:00Z,2019-05-01 01:00:00Z,1,1,A,s,,True", "departure"), ("2019-05-01 01:00:00Z,2019-06-01 01:00:00Z,1,1,A,s,,True", "stay"),
        ("2019-05-01 01:00:00Z,2019-05-01 02:00:00Z,1,nan,A,s,,True", "delivered"), ("2019-05-01 01:00:00Z,2019-05-01 02:00:00Z,1,-1,A,s,,True", "delivered"),
        ("2019-05-01 01:00:00Z,2019-05-01 02:00:00Z,1,,A,s,,True", "delivered"), ("2019-05-01 01:00:00Z,2019-05-01 02:00:00Z,1,900,A,s,,True", "mean power"),
        ("2019-05-01 01:00:00Z,2019-05-01 02:00:00Z,1,1,,s,,True", "station_id"), ("2019-05-01 01:00:00Z,2019-05-01 02:00:00Z,1,1,A,,,True", "session_id"),
        ("2019-05-01 01:00:00Z,2019-05-01 02:00:00Z,1,1,A,s,,maybe", "claimed"), ("2019-05-01 01:00:00Z,2019-05-01 02:00:00Z,1,1,A,s,later,True", "estimated"),
        ("2019-05-01 01:00:00Z,2019-05-01 02:00:00Z,1,1,A,s,True", "7 fields"), ("\"2019,1", "malformed"),
    ])
    func `a bad row is reported by line and the others are kept`(_ row: String, _ reason: String) throws {
        let good = "2019-05-01 01:00:00Z,2019-05-01 02:00:00Z,1,1,A,s,,True"
        let file = try parse(good + "\n" + row + "\n" + good)
        #expect(file.sessions.count == 2)
        #expect(file.rejected.map(\.line) == [3])
        #expect(file.rejected.first?.reason.hasPrefix(reason) == true, "\(file.rejected)")
    }

    @Test func `columns are found by name in any order and optional ones may be missing`() throws {
        let text = "session_id,station_id,delivered_energy (kWh),departure,arrival,note\n\"a,\"\"b\"\"\",S,2,2019-05-01 02:00:00Z,2019-05-01 01:00:00Z,x\n"
        let file = try SessionFile(parsing: Array(text.utf8))
        #expect(file.sessions.first?.sessionID == "a,\"b\"")
        #expect(file.sessions.first?.requestedKwh == nil)
    }

    @Test func `a missing column or file is an error`() {
        #expect(throws: SessionFileError.missingColumn("departure")) { try SessionFile(parsing: Array("arrival,x\n".utf8)) }
        #expect(throws: SessionFileError.missingColumn("arrival")) { try SessionFile(parsing: []) }
        #expect(throws: SessionFileError.cannotRead("/nowhere/x.csv", code: ENOENT)) { try SessionFile(path: "/nowhere/x.csv") }
    }

    @Test func `random bytes are refused or reported and never trap`() throws {
        var random = SeededRandom(seed: 9)
        for _ in 0..<300 {
            let bytes = (0..<random.below(400)).map { _ in UInt8(random.below(256)) }
            _ = try? SessionFile(parsing: bytes)
            let file = try SessionFile(parsing: Array(Self.header.utf8) + bytes)
            #expect(file.sessions.isEmpty)
        }
    }

    @Test(
        .enabled(if: SharedData.exists, "the reference data is not in the repository"),
        arguments: zip(SharedData.sessionFiles, [(3527, 0), (3177, 0), (1269, 0), (1828, 1)])
    )
    func `real files are read completely`(_ name: String, _ counts: (Int, Int)) throws {
        let file = try SessionFile(path: try #require(SharedData.folder) + "/ev-sessions/" + name)
        #expect(file.sessions.count == counts.0)
        #expect(file.rejected.count == counts.1, "\(file.rejected)")
    }

    @Test(.enabled(if: SharedData.exists, "the reference data is not in the repository"))
    func `a gzip file cut short is damaged and a plain file is read as it is`() throws {
        let whole = SharedData.read(try #require(SharedData.folder) + "/ev-sessions/" + SharedData.sessionFiles[2])
        var template = Array("/tmp/heliograph-sessions-XXXXXX".utf8CString)
        let fd = mkstemp(&template)
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer {
            close(fd)
            unlink(path)
        }
        #expect(write(fd, whole, whole.count / 2) == whole.count / 2)
        #expect(throws: SessionFileError.damaged(path)) { try SessionFile(path: path) }
        let plain = Array(Self.header.utf8) + Array("2019-05-01 01:00:00Z,2019-05-01 02:00:00Z,1,1,A,s,,True\n".utf8)
        #expect(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0)
        #expect(write(fd, plain, plain.count) == plain.count)
        #expect(try SessionFile(path: path).sessions.count == 1)
    }
}
