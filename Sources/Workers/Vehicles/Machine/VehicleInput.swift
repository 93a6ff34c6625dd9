import Bytes

/// What a car's machine takes, whatever it came from: an answer to a poll, a frame of the stream, a command, or the time alone.
enum VehicleInput {
    /// A complete answer of `vehicle_data`.
    case data(VehicleReading)
    /// An answer of `GET /vehicles/{id}`, which wakes no car.
    case summary(Summary)
    case frame(StreamFrame)
    case failure(PollFailure)
    case stream(StreamEvent)
    case command(VehicleCommand)
    /// Nothing but the time has passed.
    case tick

    enum Summary: String {
        case online, asleep, offline, unknown
        /// It is at a service centre.
        case inService
    }
}

/// How a poll failed. What is to be done about it stands beside each.
enum PollFailure: Hashable {
    /// 408 "vehicle unavailable": ask for the summary at once, and believe it.
    case unavailable
    /// The slow 408, 504: the car can be reached and did not answer. No fault of the service.
    case timeout
    /// 405: at a service centre; 60 s.
    case inService
    /// 404: the car's id has changed; after more than eight in 20 minutes the list is read again.
    case notFound
    /// 401: the token is renewed.
    case unauthorized
    /// 403: the token was made wrongly, or the account has no more requests.
    case forbidden(isLimit: Bool)
    /// 412: the way is closed.
    case retired
    /// 429; seconds to wait.
    case limited(retryAfter: Int)
    /// 5xx, or what cannot be read.
    case server
    /// The connection did not come about, or broke.
    case connection
}

/// What the stream says besides frames.
enum StreamEvent: String {
    case connected, disconnected
    /// Nothing has come for long.
    case inactive
    /// "Vehicle is offline".
    case vehicleOffline
}

enum VehicleCommand: String {
    case suspend, resume
}

/// Why a command cannot be carried out, in the spec's words.
struct CommandRefusal: Error, Equatable {
    var message: String

    static func cannotSuspend(_ reason: String) -> CommandRefusal { CommandRefusal(message: "cannot suspend: \(reason)") }
}
