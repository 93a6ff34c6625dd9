import Bytes
import Reactor

/// Posts to the intake, again and again until it is taken.
final class IntakeSender {
    /// Between two tries, ns: doubled each time up to the second value.
    static let retryNs: (first: Int64, last: Int64) = (100_000_000, 3_000_000_000)

    private let client: HTTPClient
    private(set) var isStopped = false

    init(_ client: HTTPClient) { self.client = client }

    func stop() { isStopped = true }

    /// Returns the answer once it is 200 or 201; nil after `stop()`.
    func send(
        _ path: String, _ body: [UInt8], headers: [(String, String)], on loop: isolated EventLoop
    ) async throws(IntakeRefused) -> [UInt8]? {
        var wait = Self.retryNs.first
        while !isStopped {
            let answer: HTTPClient.Answer?
            do throws(HTTPClientError) {
                answer = try await client.post(path, headers: headers, body: body)
            } catch {
                Log.warning("intake not reached; tried again", ["path": path, "error": error.description])
                answer = nil
            }
            if let answer {
                switch answer.status {
                case 200, 201: return answer.body
                case 400, 401, 403, 404, 413: throw IntakeRefused(path, answer)
                default: Log.warning("intake busy; tried again", ["path": path, "status": String(answer.status)])
                }
            }
            await loop.sleep(ns: wait)
            wait = min(wait * 2, Self.retryNs.last)
        }
        return nil
    }
}

/// The intake will never take this: a wrong token, or rows that are all bad.
public struct IntakeRefused: Error, Hashable, Sendable, CustomStringConvertible {
    public var path: String
    public var status: Int
    public var body: String
    public var description: String { "\(path) answered \(status): \(body)" }

    init(path: String, status: Int, body: String) {
        self.path = path
        self.status = status
        self.body = body
    }

    init(_ path: String, _ answer: HTTPClient.Answer) {
        self.init(path: path, status: answer.status, body: String(decoding: answer.body.prefix(300), as: UTF8.self))
    }
}
