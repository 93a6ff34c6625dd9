extension TimeZoneRules {
    /// Changes lie within 2^59 seconds of 1970 (RFC 8536 §3.2): sums with offsets cannot overflow.
    private static let changeRange: ClosedRange<Int64> = -(1 << 59)...(1 << 59)

    /// Reads a TZif file (RFC 8536) of version 2 or later: its 64-bit block and its footer. Abbreviations and the standard/wall and
    /// UT/local indicators are passed over: they say nothing about offsets.
    public init(tzif bytes: [UInt8]) throws(TimeZoneFault) {
        var reader = BlockReader(bytes: bytes)
        let old = try reader.header()
        try reader.skip(old.length(timeSize: 4))
        let counts = try reader.header()
        guard counts.types > 0, counts.characters > 0, [0, counts.types].contains(counts.standardIndicators),
            [0, counts.types].contains(counts.universalIndicators)
        else { throw .badCounts }
        guard counts.leapSeconds == 0 else { throw .countsLeapSeconds }
        // Before anything is read, so that no count makes room for more than the file holds.
        let end = reader.position + counts.length(timeSize: 8)
        guard end <= bytes.count else { throw .truncated }

        var times: [Int64] = []
        times.reserveCapacity(counts.changes)
        for index in 0..<counts.changes {
            let time = Int64(bitPattern: try reader.integer(8))
            guard Self.changeRange.contains(time), times.last.map({ $0 < time }) ?? true else { throw .badChange(index) }
            times.append(time)
        }
        var types: [Int] = []
        types.reserveCapacity(counts.changes)
        for index in 0..<counts.changes {
            let type = Int(try reader.integer(1))
            guard type < counts.types else { throw .badChange(index) }
            types.append(type)
        }
        var typeOffsets: [Int64] = []
        for _ in 0..<counts.types {
            let offset = Int64(Int32(truncatingIfNeeded: try reader.integer(4)))
            guard Self.offsetRange.contains(offset) else { throw .badOffset }
            typeOffsets.append(offset)
            try reader.skip(2)
        }
        try reader.skip(end - reader.position)

        var changes: [Int64] = []
        var offsets: [Int64] = []
        for (time, type) in zip(times, types) where typeOffsets[type] != (offsets.last ?? typeOffsets[0]) {
            changes.append(time)
            offsets.append(typeOffsets[type])
        }
        let rule = try reader.footer()
        let tail = rule.isEmpty ? nil : try PosixTimeZone(rule)
        self.init(
            firstOffset: typeOffsets[0], changes: changes, offsets: offsets, tail: tail, tailStart: tail == nil ? .max : times.last ?? .min)
    }
}

/// The six counts of a TZif header.
private struct BlockCounts {
    var universalIndicators: Int
    var standardIndicators: Int
    var leapSeconds: Int
    var changes: Int
    var types: Int
    var characters: Int

    /// Bytes of the data block behind the header.
    func length(timeSize: Int) -> Int {
        changes * (timeSize + 1) + types * 6 + characters + leapSeconds * (timeSize + 4) + standardIndicators + universalIndicators
    }
}

private struct BlockReader {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func skip(_ count: Int) throws(TimeZoneFault) {
        guard count <= bytes.count - position else { throw .truncated }
        position += count
    }

    /// Big-endian.
    mutating func integer(_ size: Int) throws(TimeZoneFault) -> UInt64 {
        let start = position
        try skip(size)
        return bytes[start..<position].reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func header() throws(TimeZoneFault) -> BlockCounts {
        guard bytes[position...].starts(with: "TZif".utf8) else { throw .notTZif }
        try skip(4)
        guard try integer(1) >= UInt8(ascii: "2") else { throw .tooOld }
        try skip(15)
        return BlockCounts(
            universalIndicators: Int(try integer(4)), standardIndicators: Int(try integer(4)), leapSeconds: Int(try integer(4)),
            changes: Int(try integer(4)), types: Int(try integer(4)), characters: Int(try integer(4)))
    }

    /// The rule between two line feeds.
    mutating func footer() throws(TimeZoneFault) -> [UInt8] {
        let lineFeed = UInt8(ascii: "\n")
        guard position < bytes.count else { throw .truncated }
        let rest = bytes[(position + 1)...]
        guard bytes[position] == lineFeed, let end = rest.firstIndex(of: lineFeed) else { throw .truncated }
        return Array(rest[..<end])
    }
}
