import Bytes
import Protocol

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

/// A message that outlives its frame.
struct Message: Equatable {
    var header: Header
    var name: String
    var payload: [UInt8]
}

/// Every message of a frame, and the error that ended it.
func read(_ frame: [UInt8]) -> (messages: [Message], error: FrameError?) {
    frame.withUnsafeBufferPointer { bytes in
        var reader = FrameReader(bytes)
        var messages: [Message] = []
        do throws(FrameError) {
            while let view = try reader.next() { messages.append(Message(header: view.header, name: view.nameString, payload: view.payloadArray)) }
            return (messages, nil)
        } catch {
            return (messages, error)
        }
    }
}

extension JobDraft {
    /// Reads a draft as the broker does.
    static func read(_ json: String, kind: String = "k") -> Result<JobDraft, Refusal> {
        Array(json.utf8).withUnsafeBufferPointer { bytes in
            do throws(Refusal) {
                return .success(try JobDraft(kind: kind, payload: bytes))
            } catch {
                return .failure(error)
            }
        }
    }
}
