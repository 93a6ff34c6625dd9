import Bytes
import HTTP
import Reactor
import Synchronization

/// Tells people from robots, by what their browser got from the provider.
protocol ReCaptchaCheck: Sendable {
    /// Errors: 503 when the provider cannot be asked.
    func passes(_ token: String, address: String) async throws -> Bool
}

/// The provider's own check: a POST of secret, token and address to its `siteverify`. On a thread of its own, since libcurl waits there; what waits
/// is bounded in number and time.
final class ReCaptcha: ReCaptchaCheck {
    /// Checks that wait or are under way; one more is refused.
    static let bound = 32
    /// Theirs have up to some 2,000 characters.
    static let maxTokenLength = 8_192

    let options: ReCaptchaOptions
    private let loop = EventLoop(name: "recaptcha")
    private let waiting = Atomic<Int>(0)

    init(_ options: ReCaptchaOptions) { self.options = options }

    func stop() { loop.stop() }

    func passes(_ token: String, address: String) async throws -> Bool {
        defer { waiting.subtract(1, ordering: .relaxed) }
        guard waiting.add(1, ordering: .relaxed).newValue <= Self.bound else { throw Self.unavailable }
        let form = [("secret", options.secret), ("response", token), ("remoteip", address)]
            .map { "\($0.0)=\(PercentCoding.encode($0.1))" }.joined(separator: "&")
        let url = options.url
        let deadlineNs = Clock.monotonicNs + options.timeoutMs * 1_000_000
        let result = await loop.run { _ -> Result<[UInt8], FormPost.Failure> in
            let leftMs = (deadlineNs - Clock.monotonicNs) / 1_000_000
            // Those before it took all of its time.
            guard leftMs > 0 else { return .failure(FormPost.Failure(reason: "too many wait")) }
            return FormPost.send(form, to: url, timeoutMs: leftMs)
        }
        switch result {
        case .success(let answer): return try Self.verdict(answer)
        case .failure(let failure):
            Log.warning("the reCAPTCHA provider cannot be asked", ["reason": failure.reason])
            throw Self.unavailable
        }
    }

    private static func verdict(_ answer: [UInt8]) throws -> Bool {
        guard let passed = (try? JSONValue.parse(answer))?["success"]?.bool else {  // ok: what is no JSON is no verdict, which is handled
            Log.warning("the reCAPTCHA provider answered something else", ["bytes": "\(answer.count)"])
            throw unavailable
        }
        return passed
    }

    private static var unavailable: APIError { .said(503, "人机验证服务暂时不可用，请稍后再试").retrying(afterSeconds: 5) }
}
