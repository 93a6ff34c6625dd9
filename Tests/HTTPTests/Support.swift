import HTTP

/// A small generator with a fixed seed, so that a failing case fails again (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}

/// What a stream of requests was read as.
struct Exchange: Equatable {
    var lines: [String] = []
    var bodies: [[UInt8]] = []
    var fault: Int?
}

/// Feeds pieces as a connection does: what was not consumed comes again with the next piece.
func read(_ pieces: [[UInt8]], limits: HTTPLimits = HTTPLimits()) -> Exchange {
    var parser = RequestParser()
    var result = Exchange()
    var buffer: [UInt8] = []
    var body: [UInt8] = []
    for piece in pieces {
        buffer += piece
        var position = 0
        do throws(HTTPFault) {
            let step: (inout Int) throws(HTTPFault) -> RequestParser.Event? = { (p) throws(HTTPFault) in
                let answer: Result<(RequestParser.Event?, Int), HTTPFault> = buffer.withUnsafeBufferPointer { bytes in
                    do throws(HTTPFault) {
                        var at = p
                        let event = try parser.next(bytes, at: &at, limits: limits)
                        return .success((event, at))
                    } catch {
                        return .failure(error)
                    }
                }
                let (event, at) = try answer.get()
                p = at
                return event
            }
            while let event = try step(&position) {
                switch event {
                case .head(let head):
                    result.lines.append("\(head.methodName) \(head.target) 1.\(head.minorVersion) \(head.allFields.map { "\($0.name)=\($0.value)" })")
                    body = []
                case .body(let range): body += buffer[range]
                case .end: result.bodies.append(body)
                }
            }
        } catch {
            result.fault = error.status
            return result
        }
        buffer.removeFirst(position)
    }
    return result
}

func read(_ text: String, limits: HTTPLimits = HTTPLimits()) -> Exchange { read([Array(text.utf8)], limits: limits) }

/// The head of one request that must be well formed.
func head(_ text: String) throws(HTTPFault) -> RequestHead {
    let bytes = Array(text.utf8)
    let answer: Result<RequestHead, HTTPFault> = bytes.withUnsafeBufferPointer { buffer in
        do throws(HTTPFault) {
            var parser = RequestParser()
            var position = 0
            guard case .head(let head)? = try parser.next(buffer, at: &position, limits: HTTPLimits()) else {
                return .failure(HTTPFault(0, "incomplete"))
            }
            return .success(head)
        } catch {
            return .failure(error)
        }
    }
    return try answer.get()
}

/// Cuts bytes into random pieces.
func split(_ bytes: [UInt8], _ random: inout Seeded) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var start = 0
    while start < bytes.count {
        let count = min(bytes.count - start, Int.random(in: 1...17, using: &random))
        pieces.append(Array(bytes[start..<(start + count)]))
        start += count
    }
    return pieces
}
