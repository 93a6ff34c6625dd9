import Bytes
import Fetch
import HTTP
import Reactor
import Synchronization

/// Tells people from robots, by what their browser got from the provider.
protocol ReCaptchaCheck: Sendable {
    /// Errors: 503 when the provider cannot be asked.
    func passes(_ token: String, address: String) async throws -> Bool
}

/// The provider's own check: a POST of secret, token and address to its `siteverify`. On a loop that all nodes of the process share, so that they
/// share its connection; checks under way are bounded in number and time.
final class ReCaptcha: ReCaptchaCheck {
    /// Checks under way; one more is refused.
    static let bound = 32
    /// Theirs have up to some 2,000 characters.
    static let maxTokenLength = 8_192
    /// Bytes of an answer; a longer one fails.
    static let maxAnswer = 64 * 1024

    let options: ReCaptchaOptions
    private let fetcher: LoopBound<Fetcher>
    private let underWay = Atomic<Int>(0)

    /// Errors: `FetchFailure` when libcurl cannot start.
    init(_ options: ReCaptchaOptions) async throws {
        self.options = options
        fetcher = try await EventLoop(name: "recaptcha").run { loop in LoopBound(try Fetcher(on: loop), on: loop) }
    }

    func stop() {
        let fetcher = fetcher
        fetcher.loop.execute { loop in
            fetcher.value(on: loop).close()
            loop.stop()
        }
    }

    func passes(_ token: String, address: String) async throws -> Bool {
        defer { underWay.subtract(1, ordering: .relaxed) }
        guard underWay.add(1, ordering: .relaxed).newValue <= Self.bound else { throw Self.unavailable }
        let form = [("secret", options.secret), ("response", token), ("remoteip", address)]
            .map { "\($0.0)=\(PercentCoding.encode($0.1))" }.joined(separator: "&")
        let request = FetchRequest(
            "POST", options.url, headers: [("Content-Type", "application/x-www-form-urlencoded")], body: Array(form.utf8),
            deadlineMs: Int(options.timeoutMs), maxBytes: Self.maxAnswer)
        let fetcher = fetcher
        let result = await fetcher.loop.run { loop in await fetcher.value(on: loop).send(request, on: loop) }
        switch result {
        case .success(let answer):
            guard answer.status == 200 else { throw Self.unasked("it answered \(answer.status)") }
            return try Self.verdict(answer.body)
        case .failure(let failure): throw Self.unasked(failure.description)
        }
    }

    private static func verdict(_ answer: [UInt8]) throws -> Bool {
        guard let passed = (try? JSONValue.parse(answer))?["success"]?.bool else {  // ok: what is no JSON is no verdict, which is handled
            Log.warning("the reCAPTCHA provider answered something else", ["bytes": "\(answer.count)"])
            throw unavailable
        }
        return passed
    }

    private static func unasked(_ reason: String) -> APIError {
        Log.warning("the reCAPTCHA provider cannot be asked", ["reason": reason])
        return unavailable
    }

    private static var unavailable: APIError {
        var error = APIError.said(503, "人机验证服务暂时不可用，请稍后再试")
        error.headers = [("Retry-After", "5")]
        return error
    }
}
