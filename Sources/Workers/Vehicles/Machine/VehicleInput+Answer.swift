import Bytes

extension VehicleInput {
    /// What an answer of `vehicle_data` with status 200 says: all of the car; only its state, where that is not online; or nothing that can be read.
    static func ofData(_ answer: JSONValue, receivedAt: Timestamp) -> VehicleInput {
        if let reading = VehicleReading(answer: answer, receivedAt: receivedAt) { return .data(reading) }
        if let summary = Summary(answer: answer), summary != .online { return .summary(summary) }
        return .failure(.server)
    }
}

extension VehicleInput.Summary {
    /// Reads an answer of `GET /vehicles/{id}`, `{"response":{"state":"asleep","in_service":false}}`. nil: there is no car in it.
    init?(answer: JSONValue) {
        guard let car = AnswerPart(answer["response"]) else { return nil }
        self.init(vehicle: car.object)
    }

    /// Reads a car of the list of products.
    init(vehicle: JSONValue) {
        let car = AnswerPart(vehicle)
        switch car?.text("state") {
        case "online"?: self = car?.flag("in_service") == true ? .inService : .online
        case "asleep"?: self = .asleep
        case "offline"?: self = .offline
        default: self = car?.flag("in_service") == true ? .inService : .unknown
        }
    }
}

extension PollFailure {
    /// Seconds to wait after a 429 that does not say how long, and the longest that is believed.
    static let retryAfterUnknown = 300
    static let retryAfterMax = 7 * 86_400

    /// What a failed poll means.
    ///
    /// | status | body | |
    /// |---|---|---|
    /// | 401 | | `unauthorized` |
    /// | 403 | EXCEEDED_LIMIT, or else | `forbidden(isLimit:)` |
    /// | 404 | | `notFound` |
    /// | 405 | | `inService` |
    /// | 408 | "vehicle unavailable…", or else | `unavailable`, `timeout` |
    /// | 412 | | `retired` |
    /// | 429 | "Retry in N seconds", where the header is missing | `limited` |
    /// | 504 | | `timeout` |
    /// | 0 | none came | `connection` |
    /// | others, and 200 that cannot be read | | `server` |
    static func of(status: Int, body: [UInt8], retryAfter: Int?) -> PollFailure {
        let text = String(decoding: body.prefix(2_000), as: UTF8.self)
        return switch status {
        case 0: .connection
        case 401: .unauthorized
        case 403: .forbidden(isLimit: text.contains("EXCEEDED_LIMIT"))
        case 404: .notFound
        case 405: .inService
        case 408: text.contains("vehicle unavailable") ? .unavailable : .timeout
        case 412: .retired
        case 429: .limited(retryAfter: min(max(retryAfter ?? waitingTime(text) ?? retryAfterUnknown, 1), retryAfterMax))
        case 504: .timeout
        default: .server
        }
    }

    /// N of "Retry in N seconds".
    private static func waitingTime(_ text: String) -> Int? {
        guard let start = text.firstRange(of: "Retry in ") else { return nil }
        return Int(text[start.upperBound...].prefix { ("0"..."9").contains($0) }.prefix(12))
    }
}
