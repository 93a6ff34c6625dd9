import Bytes
import Reactor
import TestSupport
import Testing

/// Compares an answer with an example of the spec: every member, in the spec's order. The time of the answer is checked and put aside.
func expectExample(_ answer: Answer, _ example: String, since start: Timestamp, _ location: SourceLocation = #_sourceLocation) throws {
    let expected = try JSONValue.parse(Array(example.utf8))
    var body = try #require(try answer.json().object, sourceLocation: location)
    let index = try #require(body.firstIndex { $0.key == "timestamp" }, "no timestamp: \(answer.text)", sourceLocation: location)
    let stamp = try #require(body[index].value.string, sourceLocation: location)
    #expect(isNow(stamp, since: start), "\(stamp) is not the time of the answer", sourceLocation: location)
    body[index].value = expected["timestamp"] ?? .null
    #expect(
        String(decoding: JSONValue.object(body).bytes, as: UTF8.self) == String(decoding: expected.bytes, as: UTF8.self), sourceLocation: location)
    #expect(answer["content-type"] == "application/json; charset=utf-8", sourceLocation: location)
}

/// Zone-less Beijing time with six digits, between `start` and now.
func isNow(_ text: String, since start: Timestamp) -> Bool {
    guard text.utf8.count == 26, let time = RFC3339.parse(text, defaultOffset: .beijing) else { return false }
    return time >= start && time <= Clock.wall
}

/// A refusal in the spec's envelope.
func expectRefusal(_ answer: Answer, _ status: Int, _ error: String, since start: Timestamp, _ location: SourceLocation = #_sourceLocation) throws {
    #expect(answer.status == status, "\(answer.text)", sourceLocation: location)
    try expectExample(answer, #"{"success":false,"error":"\#(error)","timestamp":"2025-01-04T12:00:00.000000"}"#, since: start, location)
}
