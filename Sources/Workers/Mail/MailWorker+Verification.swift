import Bytes
import Postgres
import Protocol
import Reactor
import Secrets

extension MailWorker {
    /// What a code is sealed for.
    public static func sealContext(email: String, purpose: String) -> String { "verification:\(email):\(purpose)" }

    func verify(_ context: JobContext, on loop: isolated EventLoop) async throws {
        let args = try context.json()
        guard let email = args["email"]?.string, let purpose = (args["purpose"]?.string).flatMap(VerificationText.Purpose.init(rawValue:)),
            !email.utf8.contains(0)
        else {
            throw JobFailure(#"args must be {"email": text, "purpose": "registration" or "password_reset", "locale": text}"#, isRetryable: false)
        }
        let rows = try await pool.query(Self.selectCode, Parameters(email, purpose.rawValue))
        guard rows.count == 1 else { return try context.setOutput(["skipped": "there is no code"]) }
        let (sentAt, expiresAt) = (try rows.timestamp(0, 1), try rows.timestamp(0, 2))
        if try !rows.isNull(0, 3) { return try context.setOutput(["skipped": "the code is used"]) }
        guard let sealed = try rows.bytesIfPresent(0, 0) else { return try context.setOutput(["skipped": "the code is sent"]) }
        if expiresAt <= now() { return try context.setOutput(["skipped": "the code has expired"]) }
        guard let opened = seal.open(sealed, context: Self.sealContext(email: email, purpose: purpose.rawValue)) else {
            throw JobFailure("the code cannot be opened: it was sealed with another key")
        }
        let code = String(decoding: opened, as: UTF8.self)
        let minutes = max(1, Int((expiresAt.seconds(since: sentAt) / 60).rounded()))
        let content = VerificationText.content(purpose, code: code, minutes: minutes, MailLanguage(args["locale"]?.string))
        // Of the sealed bytes, which are other ones for every code: the same mail sent again has the same name.
        let id = "verification." + Hex.text(Secret.hash(sealed).prefix(16))
        do {
            let message = try await send(id, to: email, content, mask: CodeMask(code))
            try context.setOutput(["sent": .string(message.messageID)])
        } catch let failure as JobFailure {
            throw timed(failure, context, expiresAt)
        }
        try await end(context, (Self.forgetCode, Parameters(email, purpose.rawValue, sealed)), on: loop)
    }

    /// No later than the code is good.
    private func timed(_ failure: JobFailure, _ context: JobContext, _ expiresAt: Timestamp) -> JobFailure {
        guard failure.isRetryable else { return failure }
        var failure = failure
        let wait = Self.verificationRetry.delayMs(attempt: context.attempt, jobID: context.id)
        failure.retryInMs = wait
        if now().adding(microseconds: wait * 1_000) >= expiresAt {
            failure = JobFailure(failure.message + "; the code expires before another attempt", isRetryable: false)
        }
        return failure
    }

    private static let selectCode: Statement =
        "SELECT sealed, sent_at, expires_at, verified_at FROM heliograph.verification_code WHERE email = $1 AND purpose = $2"
    /// Not the one that was asked for meanwhile.
    private static let forgetCode: Statement =
        "UPDATE heliograph.verification_code SET sealed = NULL WHERE email = $1 AND purpose = $2 AND sealed = $3"
}
