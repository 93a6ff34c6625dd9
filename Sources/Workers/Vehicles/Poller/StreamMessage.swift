import Bytes

/// What the stream's server says (reference §3.5).
enum StreamMessage: Equatable {
    case hello
    /// 13 values, separated by commas.
    case update(tag: String, value: String)
    case error(tag: String?, kind: String, value: String)
    /// Nothing that we know.
    case other

    init(_ bytes: [UInt8]) {
        guard case .success(let json) = Result(catching: { () throws(JSONError) in try JSONValue.parse(bytes) }) else {
            self = .other
            return
        }
        // Numbers where texts are usual.
        func text(_ name: String) -> String? { json[name]?.string ?? json[name]?.int.map { "\($0)" } }
        switch json["msg_type"]?.string {
        case "control:hello": self = .hello
        case "data:update":
            guard let tag = text("tag"), let value = json["value"]?.string else {
                self = .other
                return
            }
            self = .update(tag: tag, value: value)
        case "data:error": self = .error(tag: text("tag"), kind: text("error_type") ?? "", value: text("value") ?? "")
        default: self = .other
        }
    }

    private static let fields = "speed,odometer,soc,elevation,est_heading,est_lat,est_lng,power,shift_state,range,est_range,heading"

    static func subscribe(_ token: String, tag: String) -> [UInt8] {
        let message: JSONValue = ["msg_type": "data:subscribe_oauth", "token": .string(token), "value": .string(fields), "tag": .string(tag)]
        return message.bytes
    }

    static func unsubscribe(tag: String) -> [UInt8] { (["msg_type": "data:unsubscribe", "tag": .string(tag)] as JSONValue).bytes }
}
