public import Bytes
public import Postgres
public import Protocol
public import Reactor
public import Secrets

/// Sends mails.
///
/// | kind | args | mail |
/// |---|---|---|
/// | `mail.verification` | `{"email": text, "purpose": "registration" or "password_reset", "locale": text}` | the code that `heliograph.verification_code` has sealed for it |
/// | `mail.alert` | `{"event": uuid}` | the event, to the owner of its device |
///
/// A mail is sent at least once: whoever dies between the server's answer and the end of the job has it sent again, under the same Message-ID. A code leaves
/// this worker in mails only, never in errors, outputs or logs.
public struct MailWorker {
    public static let verification = "mail.verification"
    public static let alert = "mail.alert"
    /// A code is good for ten minutes: 5, 20, 80, 150 and 150 s.
    public static let verificationRetry = RetryPolicy.exponential(firstMs: 5_000, factor: 4, capMs: 150_000, maxAttempts: 6)
    /// 5, 25, 125, then 600 s: about an hour.
    public static let alertRetry = RetryPolicy.exponential(firstMs: 5_000, factor: 5, capMs: 600_000, maxAttempts: 9)
    /// Characters kept of what a server says.
    static let mostReason = 500
    /// Tries to end the job of a mail that is sent, and the time between two, ns.
    private static let endTries = 4
    private static let endWaitNs: Int64 = 250_000_000

    let pool: PostgresPool
    let sender: any MailSender
    let from: MailAddress
    let seal: Seal
    let offset: UTCOffset
    let now: () -> Timestamp

    /// - Parameters:
    ///   - seal: the one that codes are sealed with.
    ///   - offset: local time of mails.
    ///   - now: the wall clock; a test gives its own.
    public init(
        _ pool: PostgresPool, sender: any MailSender, from: MailAddress, seal: Seal, offset: UTCOffset = .beijing,
        now: @escaping () -> Timestamp = { Clock.wall }
    ) {
        self.pool = pool
        self.sender = sender
        self.from = from
        self.seal = seal
        self.offset = offset
        self.now = now
    }

    public func register(_ runtime: WorkerRuntime, on loop: isolated EventLoop) {
        runtime.onJob(Self.verification, retry: Self.verificationRetry) { context in try await verify(context, on: loop) }
        runtime.onJob(Self.alert, retry: Self.alertRetry) { context in try await tell(context, on: loop) }
    }

    // MARK: Sending

    /// - Parameter mask: taken out of what the server says.
    func send(_ id: String, to address: String, _ content: MailContent, mask: CodeMask? = nil) async throws -> MailMessage {
        let envelope: Envelope
        let message: MailMessage
        do throws(MailFault) {
            message = MailMessage(from: from, to: try MailAddress(address: address), id: id, date: now(), content: content)
            envelope = Envelope(from: from.address, to: address, message: try message.bytes())
        } catch {
            throw JobFailure(error.description, isRetryable: false)
        }
        func clean(_ text: String) -> String { String((mask?.masked(text) ?? text).prefix(Self.mostReason)) }
        switch await sender.send(envelope) {
        case .sent: return message
        case .permanent(let code, let text): throw JobFailure("refused by the mail server: \(code) \(clean(text))", isRetryable: false)
        case .temporary(let code?, let reason): throw JobFailure("put off by the mail server: \(code) \(clean(reason))")
        case .temporary(nil, let reason): throw JobFailure("not sent: \(clean(reason))")
        case .cancelled: throw CancellationError()
        }
    }

    /// Ends the job of a mail that is sent, with its rows. Not even a cancelled job stops here: it would be sent again.
    func end(_ context: JobContext, _ update: (Statement, Parameters)?, on loop: isolated EventLoop) async throws {
        var failure: (any Error)?
        let task = loop.spawn { failure = await finish(context, update, on: loop) }
        await task.value
        if let failure { throw failure }
    }

    private func finish(_ context: JobContext, _ update: (Statement, Parameters)?, on loop: isolated EventLoop) async -> (any Error)? {
        for attempt in 1... {
            do {
                try await context.finish(in: pool) { transaction in
                    if let update { _ = try await transaction.query(update.0, update.1) }
                }
                return nil
            } catch {
                guard attempt < Self.endTries, let lost = error as? PostgresError, lost.isConnectionLost || lost.isRetryable else { return error }
                await loop.sleep(ns: Self.endWaitNs)
            }
        }
        return nil
    }
}
