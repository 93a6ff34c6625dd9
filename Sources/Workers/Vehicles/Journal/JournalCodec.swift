import Bytes

/// Inputs as records of the journal, and back.
///
/// A record's body: a byte with the dictionary's version, then, of `vehicle_data` and frames, by how many µs the input's own time of receipt differs
/// from the record's time (zigzag, seven bits a byte), then the text, deflated where that is shorter. Texts: of answers and frames what came, in front
/// of a summary's answer a line with what it was taken for, of all else a small JSON object.
final class JournalCodec {
    private let deflate = JournalDeflate()

    func record(_ input: JournalInput, number: Int64) -> JournalRecord {
        switch input.input {
        case .data(let reading): record(.data, input, number, receivedAt: reading.receivedAt, input.raw)
        case .summary(let summary): record(.summary, input, number, Array("\(summary.rawValue)\n".utf8) + input.raw)
        case .frame(let frame): record(.frame, input, number, receivedAt: frame.receivedAt, input.raw)
        case .failure(let failure): record(.failure, input, number, failure.json(input.raw).bytes)
        case .stream(let event): record(.event, input, number, (["event": .string(event.rawValue)] as JSONValue).bytes)
        case .command(let command): record(.command, input, number, (["command": .string(command.rawValue)] as JSONValue).bytes)
        case .tick: record(.tick, input, number, Array("{}".utf8))
        }
    }

    /// A checkpoint, given as JSON.
    func checkpoint(_ json: [UInt8], at: Timestamp, number: Int64) -> JournalRecord { record(.checkpoint, at, number, prefix: [], json) }

    private func record(_ kind: JournalKind, _ input: JournalInput, _ number: Int64, receivedAt: Timestamp? = nil, _ text: [UInt8]) -> JournalRecord {
        record(kind, input.at, number, prefix: receivedAt.map { Self.zigzag($0.microseconds &- input.at.microseconds) } ?? [], text)
    }

    private func record(_ kind: JournalKind, _ at: Timestamp, _ number: Int64, prefix: [UInt8], _ text: [UInt8]) -> JournalRecord {
        let version = JournalDictionary.version
        let deflated = JournalDictionary.text(of: version).flatMap { deflate.deflated(text, $0) }
        return JournalRecord(kind: kind, at: at, number: number, body: [version] + prefix + (deflated ?? text), isDeflated: deflated != nil)
    }

    // MARK: Reading

    /// Why a record cannot be replayed.
    struct Unreadable: Error, CustomStringConvertible {
        var kind: JournalKind
        var at: Timestamp
        var reason: String

        var description: String { "journal record of \(RFC3339.string(at)) (kind \(kind.rawValue)): \(reason)" }
    }

    /// The input that a record was made of; not for checkpoints.
    func input(_ record: JournalRecord) throws(Unreadable) -> JournalInput {
        let (receivedAt, text) = try opened(record)
        guard let input = Self.parsed(record.kind, text, receivedAt) else { throw Unreadable(kind: record.kind, at: record.at, reason: "not of its kind") }
        let raw: [UInt8]
        switch record.kind {
        case .data, .frame: raw = text
        case .summary: raw = Array(text.drop { $0 != 0x0A }.dropFirst())
        default: raw = []
        }
        return JournalInput(at: record.at, input: input, raw: raw)
    }

    /// A checkpoint's JSON.
    func checkpoint(_ record: JournalRecord) throws(Unreadable) -> [UInt8] { try opened(record).text }

    private func opened(_ record: JournalRecord) throws(Unreadable) -> (receivedAt: Timestamp, text: [UInt8]) {
        func unreadable(_ reason: String) -> Unreadable { Unreadable(kind: record.kind, at: record.at, reason: reason) }
        guard let version = record.body.first, let dictionary = JournalDictionary.text(of: version) else { throw unreadable("of an unknown version") }
        var rest = record.body.dropFirst()
        var receivedAt = record.at
        if record.kind == .data || record.kind == .frame {
            guard let difference = Self.takeZigzag(&rest) else { throw unreadable("cut off") }
            receivedAt = record.at.adding(microseconds: difference)
        }
        guard record.isDeflated else { return (receivedAt, Array(rest)) }
        guard let text = deflate.inflated(rest, dictionary) else { throw unreadable("damaged") }
        return (receivedAt, text)
    }

    private static func parsed(_ kind: JournalKind, _ text: [UInt8], _ receivedAt: Timestamp) -> VehicleInput? {
        switch kind {
        case .data: VehicleReading.parse(text, receivedAt: receivedAt).map { .data($0) }
        case .frame: StreamFrame(value: frameValue(text), receivedAt: receivedAt).map { .frame($0) }
        case .summary: VehicleInput.Summary(rawValue: String(decoding: text.prefix { $0 != 0x0A }, as: UTF8.self)).map { .summary($0) }
        case .failure: json(text).flatMap(PollFailure.init(json:)).map { .failure($0) }
        case .event: json(text)?["event"]?.string.flatMap(StreamEvent.init).map { .stream($0) }
        case .command: json(text)?["command"]?.string.flatMap(VehicleCommand.init).map { .command($0) }
        case .tick: .tick
        case .checkpoint: nil
        }
    }

    /// The 13 fields; they may have been kept with the message around them.
    private static func frameValue(_ text: [UInt8]) -> [UInt8] {
        guard text.first == UInt8(ascii: "{") else { return text }
        return json(text)?["value"]?.string.map { Array($0.utf8) } ?? text
    }

    private static func json(_ text: [UInt8]) -> JSONValue? {
        switch Result(catching: { () throws(JSONError) in try JSONValue.parse(text) }) {
        case .success(let value): value
        case .failure: nil
        }
    }

    // MARK: Differences of time

    private static func zigzag(_ value: Int64) -> [UInt8] {
        var rest = UInt64(bitPattern: (value << 1) ^ (value >> 63))
        var out: [UInt8] = []
        while rest > 0x7F {
            out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        out.append(UInt8(rest))
        return out
    }

    private static func takeZigzag(_ bytes: inout ArraySlice<UInt8>) -> Int64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = bytes.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
        }
        return nil
    }
}
