import Bytes
import Protocol
import Testing

@Suite struct FrameTests {
    /// A frame of messages with every field at odd values, and the messages.
    private func sample() -> (frame: [UInt8], messages: [Message]) {
        let messages = [
            Message(header: Header(.beat), name: "", payload: []),
            Message(
                header: Header(.job, flags: [.committed, .fenced], requestID: .max, timeoutMs: .min, aux: .max, aux2: .max), name: "charging.predict",
                payload: Array("{}".utf8)),
            Message(
                header: Header(.ingest, flags: Header.Flags(rawValue: 0xFFFF), requestID: 1, timeoutMs: -1, aux: 2, aux2: .min), name: "größe😀",
                payload: (0...255).map { $0 }),
            Message(header: Header(.event, requestID: 7), name: String(repeating: "n", count: Header.maxName), payload: []),
        ]
        var writer = FrameWriter()
        for m in messages { writer.append(m.header, name: m.name, payload: m.payload) }
        return (writer.bytes, messages)
    }

    @Test func messagesOfOneFrameReadBackInOrder() {
        let (frame, messages) = sample()
        let result = read(frame)
        #expect(result.messages == messages && result.error == nil)
        #expect(read([]).messages.isEmpty && read([]).error == nil)
    }

    @Test func everyVerbTravels() {
        var writer = FrameWriter()
        for verb in Verb.allCases { writer.append(Header(verb)) }
        #expect(read(writer.bytes).messages.map(\.header.verb) == Verb.allCases)
        #expect(Set(Verb.allCases.map(\.rawValue)).count == Verb.allCases.count)
    }

    @Test func aFrameCutAnywhereIsTruncatedAfterItsWholeMessages() {
        let (frame, messages) = sample()
        var ends = [0]
        for m in messages { ends.append(ends.last! + Header.size + m.name.utf8.count + m.payload.count) }
        #expect(ends.last == frame.count)
        for length in 0..<frame.count {
            let result = read(Array(frame[..<length]))
            let whole = ends.lastIndex { $0 <= length }!
            #expect(result.messages == Array(messages[..<whole]), "\(length)")
            if ends.contains(length) {
                #expect(result.error == nil, "\(length)")
            } else if case .truncated(let at) = result.error {
                #expect(at >= ends[whole] && at <= length, "\(length)")
            } else {
                Issue.record("\(length): \(String(describing: result.error))")
            }
        }
    }

    @Test func aWrongHeaderIsNamed() {
        func changed(_ offset: Int, _ bytes: UInt8...) -> FrameError? {
            var writer = FrameWriter()
            writer.append(Header(.beat), name: "abc", payload: [1, 2, 3])
            var frame = writer.bytes
            for (i, b) in bytes.enumerated() { frame[offset + i] = b }
            return read(frame).error
        }
        #expect(changed(0, 0) == .badMagic(at: 0))
        #expect(changed(1, 0) == .badMagic(at: 0))
        #expect(changed(2, 2) == .version(2))
        #expect(changed(2, 0) == .version(0))
        for verb in UInt8.min ... .max { #expect(changed(3, verb) == (Verb(rawValue: verb) == nil ? .unknownVerb(verb) : nil)) }
        #expect(changed(6, 0x01, 0x01) == .nameTooLong(257))
        #expect(changed(6, 0xFF, 0xFF) == .nameTooLong(65535))
        #expect(changed(6, 0x00, 0x01) == .truncated(at: 40))
        #expect(changed(8, 0x01, 0, 0, 0x02) == .payloadTooLong((32 << 20) + 1))
        #expect(changed(8, 0xFF, 0xFF, 0xFF, 0xFF) == .payloadTooLong(0xFFFF_FFFF))
        #expect(changed(8, 0, 0, 0, 0x02) == .truncated(at: 40))
        #expect(changed(40, 0xC0) == .nameNotUTF8)
        #expect(changed(42, 0xC3) == .nameNotUTF8)
        // What is behind a shorter payload is no message.
        #expect(changed(8, 2) == .truncated(at: 45))
        for error in [FrameError.truncated(at: 1), .badMagic(at: 1), .version(9), .unknownVerb(9), .nameTooLong(9), .nameNotUTF8, .payloadTooLong(9)] {
            #expect(!error.description.isEmpty)
        }
    }

    @Test func theLargestPayloadAndNameAreTaken() {
        var writer = FrameWriter()
        writer.append(Header(.ingest), name: String(repeating: "é", count: Header.maxName / 2), payload: [UInt8](repeating: 7, count: Header.maxPayload))
        let result = read(writer.bytes)
        #expect(result.error == nil && result.messages.first?.payload.count == Header.maxPayload)
        #expect(writer.isFull(before: 0))
    }

    @Test func aWriterBeginsANewFrameAfterTakeAndReset() {
        var writer = FrameWriter()
        #expect(writer.isEmpty && !writer.isFull(before: Header.maxPayload))
        writer.append(Header(.beat))
        #expect(!writer.isEmpty && writer.count == 1)
        #expect(read(writer.take()).messages.count == 1)
        #expect(writer.isEmpty && writer.bytes.isEmpty)
        writer.append(Header(.goodbye))
        writer.reset()
        #expect(writer.isEmpty && writer.bytes.isEmpty)
    }

    @Test func randomAndMutatedFramesNeverTrapAndNeverReachOutside() {
        var random = Seeded(1)
        let (frame, _) = sample()
        for round in 0..<12_000 {
            var bytes: [UInt8]
            if round % 4 == 0 {
                bytes = random.bytes(Int.random(in: 0...120, using: &random))
                if bytes.count > 4 { bytes.replaceSubrange(0..<4, with: [0x48, 0x47, 1, 5]) }
            } else {
                bytes = frame
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
                }
                if round % 3 == 0 { bytes.removeLast(Int.random(in: 0...bytes.count, using: &random)) }
            }
            let result = read(bytes)
            let taken = result.messages.reduce(0) { $0 + Header.size + $1.name.utf8.count + $1.payload.count }
            #expect(result.error == nil ? taken == bytes.count : taken <= bytes.count)
        }
    }

    @Test func aRunTravelsInTheHeader() {
        for (id, attempt) in [(1, 1), (Int64.max, 1000), (.min, 0)] as [(Int64, Int)] {
            var writer = FrameWriter()
            writer.append(JobRun(id: id, attempt: attempt).header(.done, flags: .committed))
            writer.bytes.withUnsafeBufferPointer { bytes in
                var reader = FrameReader(bytes)
                let view = try? reader.next()
                #expect(view.map(JobRun.init) == JobRun(id: id, attempt: attempt))
                #expect(view?.header.flags == .committed)
            }
        }
        // An attempt outside the field is clamped, not wrapped.
        #expect(JobRun(id: 1, attempt: -1).header(.done).aux == 0)
        #expect(JobRun(id: 1, attempt: .max).header(.done).aux == .max)
    }
}
