import Bytes
import Fetch
import Reactor

/// Asks the service for a new pair of tokens (reference §3.1). The old refresh token is used up by that.
enum TokenRequest {
    enum Outcome {
        /// And how long the access token lives, s.
        case tokens(TokenPair, seconds: Int64)
        /// The refresh token is worth nothing any more.
        case refused(String)
        /// No tokens now; not to be tried again within so many seconds, where the service says so.
        case failed(String, seconds: Int64)
    }

    static let usualLifeSeconds: Int64 = 28_800

    static func send(_ tokens: TokenPair, to host: String, by fetcher: Fetcher, _ options: VehicleOptions, on loop: isolated EventLoop) async -> Outcome {
        let body: JSONValue = [
            "grant_type": "refresh_token", "scope": "openid email offline_access", "client_id": "ownerapi", "refresh_token": .string(tokens.refresh),
        ]
        let request = FetchRequest(
            "POST", "\(host)/oauth2/v3/token", headers: [("Content-Type", "application/json"), ("Accept", "application/json")], body: body.bytes,
            deadlineMs: options.deadlineMs, maxBytes: 128 << 10, wantedFields: ["retry-after"])
        switch await fetcher.send(request, on: loop) {
        case .failure(let failure): return .failed(failure.description, seconds: 0)
        case .success(let answer): return read(answer, tokens)
        }
    }

    private static func read(_ answer: FetchAnswer, _ old: TokenPair) -> Outcome {
        let json: JSONValue? =
            switch Result(catching: { () throws(JSONError) in try JSONValue.parse(answer.body) }) {
            case .success(let json): json
            case .failure: nil
            }
        guard answer.status == 200 else {
            let error = json?["error"]?.string ?? ""
            if [400, 401].contains(answer.status), ["invalid_grant", "login_required", "invalid_token"].contains(error) {
                return .refused("the refresh token is not valid any more (\(error))")
            }
            return .failed("the service answered \(answer.status) \(error.prefix(80))", seconds: answer["retry-after"].flatMap { Int64($0) } ?? 0)
        }
        guard let json, let fresh = TokenPair(json["access_token"], json["refresh_token"] ?? .string(old.refresh)) else {
            return .failed("the service's answer holds no tokens", seconds: 0)
        }
        let seconds = Int64(json["expires_in"]?.int ?? Int(usualLifeSeconds))
        return .tokens(fresh, seconds: min(max(seconds, 60), 365 * 86_400))
    }
}
