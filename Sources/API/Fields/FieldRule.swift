/// What a member of a body, or a parameter, has to be.
enum FieldRule {
    case text, noNUL, flag
    /// In characters.
    case length(ClosedRange<Int>)
    case word([String])
    case whole(ClosedRange<Int>)
    case number(ClosedRange<Int>?)
    /// JSON of so many KiB at most.
    case object(Int)

    fileprivate var chinese: String {
        switch self {
        case .text: "必须是字符串"
        case .noNUL: "不能包含空字符"
        case .flag: "必须是 true 或 false"
        case .length(let range): "长度须为 \(range.lowerBound) 至 \(range.upperBound) 个字符"
        case .word(let words): "必须是 \(words.joined(separator: "、")) 之一"
        case .whole(let range): "必须是 \(range.lowerBound) 到 \(range.upperBound) 之间的整数"
        case .number(let range): range.map { "必须是 \($0.lowerBound) 到 \($0.upperBound) 之间的数字" } ?? "必须是数字"
        case .object(let most): "必须是不超过 \(most) KiB 的 JSON 对象"
        }
    }

    fileprivate var english: String {
        switch self {
        case .text, .noNUL: "must be a text without NUL"
        case .flag: "must be true or false"
        case .length(let range): "must have \(range.lowerBound) to \(range.upperBound) characters"
        case .word(let words): "must be one of \(words.joined(separator: ", "))"
        case .whole(let range): "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .number(let range): range.map { "must be a number from \($0.lowerBound) to \($0.upperBound)" } ?? "must be a number"
        case .object(let most): "must be a JSON object of at most \(most) KiB"
        }
    }
}

/// Which clients read the refusals: those of the specs with envelopes Chinese, operators English.
enum FieldWording {
    case chinese, english

    /// 400 that names the field.
    func refusal(_ name: String, _ rule: FieldRule) -> APIError {
        switch self {
        case .chinese: .said(invalid: name, rule.chinese)
        case .english: .invalid(name, "\(name) \(rule.english)")
        }
    }

    /// - Parameter place: what the parser says of it.
    func notJSON(_ place: String) -> APIError {
        switch self {
        case .chinese: .said(400, "请求参数错误：请求体不是有效的 JSON（\(place)）")
        case .english: .badRequest(place)
        }
    }

    var notAnObject: APIError {
        switch self {
        case .chinese: .said(400, "请求参数错误：请求体必须是 JSON 对象")
        case .english: .badRequest("the body must be a JSON object")
        }
    }
}
