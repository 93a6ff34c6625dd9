import Bytes

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

/// The tree, or the reason why there is none.
func parse(_ bytes: [UInt8], maxDepth: Int = 64) -> Result<JSONValue, JSONError> {
    do throws(JSONError) {
        return .success(try JSONValue.parse(bytes, maxDepth: maxDepth))
    } catch {
        return .failure(error)
    }
}

func parse(_ text: String) -> Result<JSONValue, JSONError> { parse(Array(text.utf8)) }

/// Whether `skip()` takes the whole document: must always agree with the tree.
func skips(_ bytes: [UInt8]) -> Bool {
    do throws(JSONError) {
        try JSONReader.read(bytes) { (r) throws(JSONError) in try r.skip() }
        return true
    } catch {
        return false
    }
}

extension Result {
    var value: Success? { if case .success(let v) = self { v } else { nil } }
    var error: Failure? { if case .failure(let e) = self { e } else { nil } }
}
