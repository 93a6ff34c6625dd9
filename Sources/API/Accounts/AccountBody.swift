import Bytes

/// The members of a request's JSON object, each asked for by name, type and size. Null counts as absent; members that nobody asks for are ignored.
struct AccountBody {
    private let members: [(key: String, value: JSONValue)]

    init(_ request: Request) throws(APIError) {
        let document: JSONValue
        do throws(JSONError) {
            document = try JSONValue.parse(request.body)
        } catch {
            throw .said(400, "请求参数错误：请求体不是有效的 JSON")
        }
        guard let members = document.object else { throw .said(400, "请求参数错误：请求体必须是 JSON 对象") }
        self.members = members
    }

    subscript(_ name: String) -> JSONValue? {
        // Not `nil`, which may stand for JSON's null.
        guard let value = members.last(where: { $0.key == name })?.value, !value.isNull else { return Optional.none }
        return value
    }

    /// A text of so many characters, without NUL; nil when absent.
    func text(_ name: String, in lengths: ClosedRange<Int>) throws(APIError) -> String? {
        guard let value = self[name] else { return nil }
        guard let text = value.string else { throw Self.wrong(name, "必须是字符串") }
        guard !text.utf8.contains(0) else { throw Self.wrong(name, "不能包含空字符") }
        guard lengths.contains(text.unicodeScalars.count) else { throw Self.wrong(name, "长度须为 \(lengths.lowerBound) 至 \(lengths.upperBound) 个字符") }
        return text
    }

    func required(_ name: String, in lengths: ClosedRange<Int>) throws(APIError) -> String {
        guard let text = try text(name, in: lengths) else { throw .missing(name) }
        return text
    }

    // MARK: What accounts are made of

    /// An address in lower case.
    func email(_ name: String = "email") throws(APIError) -> String {
        guard let email = RegistrationRules.email(try required(name, in: 1...1_000)) else { throw Self.wrong(name, "不是有效的邮箱地址") }
        return email
    }

    func username() throws(APIError) -> String? {
        guard let name = try text("username", in: RegistrationRules.usernameLengths) else { return nil }
        guard RegistrationRules.isUsername(name) else { throw Self.wrong("username", "只能包含文字、数字以及 _ - .") }
        return name
    }

    /// A password that keeps the rules and was given twice.
    func newPassword(_ name: String) throws(APIError) -> String {
        let password = try required(name, in: RegistrationRules.passwordLengths)
        guard RegistrationRules.isPassword(password) else { throw Self.wrong(name, "至少须包含一个字母和一个数字") }
        let again = try required("confirm_password", in: 0...1_000)
        // Bytes are compared, as they are hashed: texts that look the same need not be.
        guard password.utf8.elementsEqual(again.utf8) else { throw Self.wrong("confirm_password", "两次输入的密码不一致") }
        return password
    }

    func purpose() throws(APIError) -> VerificationCodes.Purpose {
        guard let purpose = VerificationCodes.Purpose(rawValue: try required("purpose", in: 1...64)) else {
            throw Self.wrong("purpose", "必须是 registration 或 password_reset")
        }
        return purpose
    }

    /// Six digits; nil when absent or empty. What is none is wrong already; it costs no try.
    func code(_ name: String) throws(APIError) -> String? {
        guard let code = try text(name, in: 0...64), !code.isEmpty else { return nil }
        guard code.utf8.count == VerificationCodes.digits, code.utf8.allSatisfy(ASCII.isDigit) else { throw Self.wrong(name, "必须是 6 位数字") }
        return code
    }

    func requiredCode() throws(APIError) -> String {
        guard let code = try code("code") else { throw .missing("code") }
        return code
    }

    static func wrong(_ name: String, _ rule: String) -> APIError { .said(400, "参数无效：\(name)（\(rule)）", field: name) }
}

extension APIError {
    static func tooMany(_ message: String = "请求频率过高，请稍后再试", retryAfterSeconds: Int) -> APIError {
        var error = APIError.said(429, message)
        error.headers = [("Retry-After", String(max(1, retryAfterSeconds)))]
        return error
    }
}
