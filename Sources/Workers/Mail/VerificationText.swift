/// The mail that brings a code.
public enum VerificationText {
    /// What a code is asked for, as in `heliograph.verification_code.purpose`.
    public enum Purpose: String, Sendable, CaseIterable {
        case registration
        case passwordReset = "password_reset"
    }

    /// The code stands in the bodies only: subjects are written to mail servers' logs.
    /// - Parameter minutes: how long the code is good from when it was asked for.
    public static func content(_ purpose: Purpose, code: String, minutes: Int, _ language: MailLanguage) -> MailContent {
        switch language {
        case .chinese:
            let (subject, heading) =
                purpose == .registration
                ? ("Heliograph 注册验证码", "您好！您正在注册 Heliograph 账号，验证码是：") : ("Heliograph 重置密码验证码", "您好！您正在重置 Heliograph 账号的密码，验证码是：")
            return MailContent(
                subject: subject, language: language, heading: heading,
                paragraphs: [
                    code, "验证码自申请起 \(minutes) 分钟内有效，只能使用一次。", "请勿将验证码告诉任何人。如果这不是您本人的操作，请忽略本邮件。",
                ], strong: 0)
        case .english:
            let (subject, heading) =
                purpose == .registration
                ? ("Your Heliograph registration code", "Hello! To finish your registration with Heliograph, enter this code:")
                : ("Your Heliograph password reset code", "Hello! To choose a new password for your Heliograph account, enter this code:")
            return MailContent(
                subject: subject, language: language, heading: heading,
                paragraphs: [
                    code, "The code is good for \(minutes) minutes from when it was asked for, and can be used once.",
                    "Do not pass it on to anybody. If you did not ask for it, ignore this mail.",
                ], strong: 0)
        }
    }
}
