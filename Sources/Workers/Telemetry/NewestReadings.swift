import Bytes
import Protocol

/// The newest reading per meter of a group of batches. Rows of one meter usually come together, so the last one met is tried first.
struct NewestReadings {
    struct Entry {
        var meter: String
        var timestamp: Timestamp
        var current: Double
        var facility: String?
        var shard: Int
    }

    private(set) var entries: [Entry] = []
    private var index: [MeterKey: Int] = [:]
    private var last = -1

    mutating func add(_ row: ReadingBatch.Row) {
        let key = MeterKey(row.meter)
        let position: Int
        if last >= 0, key.matches(entries[last].meter) {
            position = last
        } else if let known = index[key] {
            position = known
        } else {
            position = entries.count
            index[key.owned()] = position
            let meter = String(decoding: row.meter, as: UTF8.self)
            entries.append(
                Entry(
                    meter: meter, timestamp: row.timestamp, current: row.current, facility: row.facility.map { String(decoding: $0, as: UTF8.self) },
                    shard: ChargingShards.shard(row.meter)))
            last = position
            return
        }
        last = position
        if row.timestamp > entries[position].timestamp {
            entries[position].timestamp = row.timestamp
            entries[position].current = row.current
        }
    }

    /// A meter id as bytes: looked up without making a String per row.
    private struct MeterKey: Hashable {
        private enum Storage {
            case borrowed(UnsafeBufferPointer<UInt8>)
            case owned([UInt8])
        }
        private let storage: Storage

        init(_ bytes: UnsafeBufferPointer<UInt8>) { storage = .borrowed(bytes) }
        private init(_ bytes: [UInt8]) { storage = .owned(bytes) }

        /// A key that may outlive the row.
        func owned() -> MeterKey { MeterKey(withBytes { Array($0) }) }

        func matches(_ text: String) -> Bool { withBytes { bytes in bytes.elementsEqual(text.utf8) } }

        private func withBytes<T>(_ body: (UnsafeBufferPointer<UInt8>) -> T) -> T {
            switch storage {
            case .borrowed(let bytes): body(bytes)
            case .owned(let bytes): bytes.withUnsafeBufferPointer(body)
            }
        }

        static func == (a: MeterKey, b: MeterKey) -> Bool {
            a.withBytes { x in b.withBytes { y in x.count == y.count && x.elementsEqual(y) } }
        }

        func hash(into hasher: inout Hasher) { withBytes { hasher.combine(bytes: UnsafeRawBufferPointer($0)) } }
    }
}
