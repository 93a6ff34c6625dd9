import Bytes
import Secrets
import Workers

/// What the mail worker takes from the settings and the data directory.
struct MailSetup: Sendable {
    /// nil: mails become files.
    let smtp: SMTPSettings?
    let directory: String
    let from: MailAddress
    let seal: Seal
    let offset: UTCOffset

    init(_ settings: Settings, _ data: DataDirectory, secretKey: [UInt8]) throws(UsageError) {
        from = try settings.mailFrom()
        smtp = try settings.smtp(from)
        directory = "\(data.path)/mail"
        offset = settings.offset
        guard let seal = Seal(key: secretKey) else { throw UsageError("the secret key must have \(Seal.keyBytes) bytes") }
        self.seal = seal
    }

    func sender() async -> any MailSender {
        guard let smtp else { return FileSender(directory: directory) }
        return await SMTPSender(smtp)
    }

    /// For people.
    var words: String { smtp.map { "by \($0.host):\($0.port)" } ?? "written to \(directory)/ (SMTP_HOST is not set)" }
}

extension Settings {
    static let mail: [Setting] = [
        Setting(name: "SMTP_HOST", fallback: "", meaning: "mail server; empty: mails are written to mail/ in the data directory"),
        Setting(name: "SMTP_PORT", fallback: "587", meaning: "its port"),
        Setting(name: "SMTP_SECURITY", fallback: "starttls", meaning: "starttls (nothing is sent without), tls (from the first byte) or none"),
        Setting(name: "SMTP_USERNAME", fallback: "", meaning: "empty: no AUTH"),
        Setting(name: "SMTP_PASSWORD", fallback: "", meaning: "of SMTP_USERNAME", isSecret: true),
        Setting(name: "SMTP_FROM", fallback: "", meaning: "'Name <address>' that mails come from; must be set with SMTP_HOST"),
        Setting(name: "SMTP_TIMEOUT_SECONDS", fallback: "15", meaning: "limit of one mail, 1 to 300"),
        Setting(name: "SMTP_CA_FILE", fallback: "", meaning: "certificates to trust instead of the system's, PEM"),
    ]

    private static let usualFrom = "Heliograph <heliograph@localhost>"

    /// Called where settings are read: a mistake in them is told at start.
    func checkMail() throws(UsageError) { _ = try smtp(try mailFrom()) }

    func mailFrom() throws(UsageError) -> MailAddress {
        let text = self["SMTP_FROM"]
        do throws(MailFault) {
            return try MailAddress(text.isEmpty ? Self.usualFrom : text)
        } catch {
            throw UsageError("SMTP_FROM='\(text)' (from \(origin("SMTP_FROM"))): \(error.description)")
        }
    }

    func smtp(_ from: MailAddress) throws(UsageError) -> SMTPSettings? {
        let host = self["SMTP_HOST"]
        func fail(_ name: String, _ rule: String) -> UsageError { UsageError("\(name)='\(self[name])' (from \(origin(name))) \(rule)") }
        guard let port = Int(self["SMTP_PORT"]), (1...65_535).contains(port) else { throw fail("SMTP_PORT", "must be a whole number from 1 to 65535") }
        guard let security = SMTPSettings.Security(rawValue: self["SMTP_SECURITY"]) else { throw fail("SMTP_SECURITY", "must be starttls, tls or none") }
        guard let seconds = Int(self["SMTP_TIMEOUT_SECONDS"]), (1...300).contains(seconds) else {
            throw fail("SMTP_TIMEOUT_SECONDS", "must be a whole number from 1 to 300")
        }
        if host.isEmpty { return nil }
        // It becomes part of a URL.
        guard host.utf8.allSatisfy({ ASCII.isDigit($0) || ($0 | 0x20) &- 0x61 < 26 || "-._:[]".utf8.contains($0) }) else {
            throw fail("SMTP_HOST", "must be a name or an address")
        }
        if self["SMTP_FROM"].isEmpty { throw UsageError("SMTP_FROM must be set where SMTP_HOST is") }
        return SMTPSettings(
            host: host, port: port, security: security, username: self["SMTP_USERNAME"], password: self["SMTP_PASSWORD"], caFile: self["SMTP_CA_FILE"],
            timeoutMs: seconds * 1_000, helo: from.domain)
    }
}
