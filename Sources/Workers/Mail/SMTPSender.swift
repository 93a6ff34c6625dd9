import Reactor

/// Sends mails to a mail server, one after the other, on a thread of its own.
public struct SMTPSender: MailSender {
    private let connection: LoopBound<SMTPConnection>
    public let place: String

    public init(_ settings: SMTPSettings) async {
        let loop = EventLoop(name: "smtp")
        connection = await loop.run { loop in LoopBound(SMTPConnection(settings), on: loop) }
        place = "\(settings.host):\(settings.port)"
    }

    /// A cancelled task is noticed within a second.
    public func send(_ mail: Envelope) async -> MailResult {
        let flag = CancelFlag()
        return await withTaskCancellationHandler {
            await send(mail, flag)
        } onCancel: {
            flag.raise()
        }
    }

    private func send(_ mail: Envelope, _ flag: CancelFlag) async -> MailResult {
        let connection = connection
        return await connection.loop.run { loop in connection.value(on: loop).send(mail, flag, on: loop) }
    }

    public func stop() async {
        let connection = connection
        await connection.loop.run { loop in connection.value(on: loop).close() }
        connection.loop.stop()
    }
}
