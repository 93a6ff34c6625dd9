import Bytes

/// The four forms of a request target (RFC 9112 §3.2), of which three are served: origin, absolute and asterisk.
enum RequestTarget {
    struct Parts {
        var path: Range<Int>
        var query: Range<Int>?
        var isAsterisk = false
    }

    static func parse(_ head: UnsafeBufferPointer<UInt8>, _ target: Range<Int>, isOptions: Bool) throws(HTTPFault) -> Parts {
        guard let first = head[target].first else { throw .bad("empty request target") }
        if first == UInt8(ascii: "*") {
            guard target.count == 1, isOptions else { throw .bad("target * is for OPTIONS only") }
            return Parts(path: target, query: nil, isAsterisk: true)
        }
        var start = target.lowerBound
        if first != UInt8(ascii: "/") { start = try afterAuthority(head, target) }
        var question: Int?
        var i = target.lowerBound
        while i < target.upperBound {
            let b = head[i]
            // A space ends the target before it gets here; HTAB and bytes past ASCII must have been escaped.
            guard b > 0x20, b < 0x7F, b != UInt8(ascii: "#") else { throw .bad("character not allowed in a request target") }
            if b == UInt8(ascii: "%") {
                guard i + 2 < target.upperBound, ASCII.hexValue(head[i + 1]) != nil, ASCII.hexValue(head[i + 2]) != nil else {
                    throw .bad("malformed percent-escape")
                }
            } else if b == UInt8(ascii: "?"), question == nil, i >= start {
                question = i
            }
            i += 1
        }
        return Parts(path: start..<(question ?? target.upperBound), query: question.map { ($0 + 1)..<target.upperBound })
    }

    /// Checks `http://host[:port]` and returns where the path begins; an absolute target must have one.
    private static func afterAuthority(_ head: UnsafeBufferPointer<UInt8>, _ target: Range<Int>) throws(HTTPFault) -> Int {
        var authority: Int?
        if target.count > 7, ASCII.equalsIgnoringCase(head[target.prefix(7)], "http://") { authority = target.lowerBound + 7 }
        if target.count > 8, ASCII.equalsIgnoringCase(head[target.prefix(8)], "https://") { authority = target.lowerBound + 8 }
        guard let authority else { throw .bad("malformed request target") }
        guard let slash = head[authority..<target.upperBound].firstIndex(of: UInt8(ascii: "/")) else { throw .bad("absolute target without a path") }
        guard HostName.isValid(UnsafeBufferPointer(rebasing: head[authority..<slash])) else { throw .bad("malformed authority") }
        return slash
    }
}
