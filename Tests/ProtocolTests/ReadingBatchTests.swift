import Bytes
import Protocol
import Testing

@Suite struct ReadingBatchTests {
    private struct Row: Equatable {
        var meter: String
        var facility: String?
        var timestamp: Int64
        var current: Double
    }

    private func read(_ bytes: [UInt8]) -> (ok: Bool, rows: [Row]) {
        var rows: [Row] = []
        let ok = bytes.withUnsafeBufferPointer { payload in
            ReadingBatch.read(payload) { row in
                rows.append(
                    Row(
                        meter: String(decoding: row.meter, as: UTF8.self), facility: row.facility.map { String(decoding: $0, as: UTF8.self) },
                        timestamp: row.timestamp.microseconds,
                        current: row.current))
            }
        }
        return (ok, rows)
    }

    private let rows = [
        Row(meter: "M", facility: nil, timestamp: 0, current: 0), Row(meter: "METER_001", facility: "FAC_001", timestamp: 1_767_254_400_123_456, current: 15.5),
        Row(meter: String(repeating: "é", count: 32), facility: String(repeating: "f", count: 64), timestamp: .min, current: -.greatestFiniteMagnitude),
        Row(meter: "x", facility: "", timestamp: .max, current: 5e-300),
    ]

    private func batch(_ rows: [Row]) -> ReadingBatch {
        var batch = ReadingBatch()
        for row in rows {
            batch.append(meter: row.meter.utf8, facility: row.facility?.utf8, timestamp: Timestamp(microseconds: row.timestamp), current: row.current)
        }
        return batch
    }

    @Test func rowsReadBack() {
        let batch = batch(rows)
        #expect(batch.count == rows.count)
        let result = read(batch.bytes)
        #expect(result.ok && result.rows == rows)
        #expect(read([]).ok && read([]).rows.isEmpty)
    }

    @Test func aBatchCutInsideARowIsRefused() {
        let bytes = batch(rows).bytes
        var ends: Set<Int> = [0]
        for n in 1...rows.count { ends.insert(batch(Array(rows[..<n])).bytes.count) }
        for length in 0...bytes.count { #expect(read(Array(bytes[..<length])).ok == ends.contains(length), "\(length)") }
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, .signalingNaN]) func aCurrentThatIsNoNumberIsRefused(_ current: Double) {
        #expect(!read(batch([Row(meter: "m", facility: nil, timestamp: 0, current: current)]).bytes).ok)
    }

    @Test func lengthsOutOfBoundsAreRefused() {
        let tail = [UInt8](repeating: 0, count: 400)
        for meter in UInt8.min ... .max {
            let bytes = [meter] + [UInt8](repeating: 0x61, count: Int(meter)) + [255] + tail.prefix(16)
            #expect(read(bytes).ok == (1...64).contains(meter), "meter \(meter)")
        }
        for facility in UInt8.min ... .max {
            let bytes = [1, 0x61, facility] + (facility == 255 ? [] : [UInt8](repeating: 0x61, count: Int(facility))) + tail.prefix(16)
            #expect(read(bytes).ok == (facility <= 64 || facility == 255), "facility \(facility)")
        }
    }

    @Test func garbageNeverTraps() {
        var random = Seeded(4)
        let whole = batch(rows).bytes
        for round in 0..<12_000 {
            var bytes = round % 2 == 0 ? random.bytes(Int.random(in: 0...100, using: &random)) : whole
            if round % 2 == 1 { for _ in 0..<3 { bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8(truncatingIfNeeded: random.next()) } }
            let result = read(bytes)
            #expect(result.rows.allSatisfy { $0.current.isFinite })
        }
    }
}
