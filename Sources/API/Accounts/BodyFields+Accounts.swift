import Bytes

/// What accounts are made of.
extension BodyFields {
    /// An address in lower case.
    func email() throws(APIError) -> String {
        guard let email = RegistrationRules.email(try required("email", in: 1...1_000)) else { throw .said(invalid: "email", "不是有效的邮箱地址") }
        return email
    }

    func username() throws(APIError) -> String? {
        guard let name = try text("username", in: RegistrationRules.usernameLengths) else { return nil }
        guard RegistrationRules.isUsername(name) else { throw .said(invalid: "username", "只能包含文字、数字以及 _ - .") }
        return name
    }

    /// A password that keeps the rules and was given twice.
    func newPassword(_ name: String) throws(APIError) -> String {
        let password = try required(name, in: RegistrationRules.passwordLengths)
        guard RegistrationRules.isPassword(password) else { throw .said(invalid: name, "至少须包含一个字母和一个数字") }
        let again = try required("confirm_password", in: 0...1_000)
        // Bytes are compared, as they are hashed: texts that look the same need not be.
        guard password.utf8.elementsEqual(again.utf8) else { throw .said(invalid: "confirm_password", "两次输入的密码不一致") }
        return password
    }

    func purpose() throws(APIError) -> VerificationCodes.Purpose {
        guard let purpose = VerificationCodes.Purpose(rawValue: try required("purpose", in: 1...64)) else {
            throw .said(invalid: "purpose", "必须是 registration 或 password_reset")
        }
        return purpose
    }

    /// Six digits; nil when absent or empty. What is none is wrong already; it costs no try.
    func code(_ name: String) throws(APIError) -> String? {
        guard let code = try text(name, in: 0...64), !code.isEmpty else { return nil }
        guard code.utf8.count == VerificationCodes.digits, code.utf8.allSatisfy(ASCII.isDigit) else { throw .said(invalid: name, "必须是 6 位数字") }
        return code
    }

    func requiredCode() throws(APIError) -> String { try required("code", try code("code")) }
}
