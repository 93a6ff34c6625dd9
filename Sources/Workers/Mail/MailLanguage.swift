/// The languages that mails are written in.
public enum MailLanguage: Sendable, CaseIterable {
    case chinese, english

    /// A language tag such as `en-US`; Chinese for all that is not English, and for none.
    public init(_ tag: String?) {
        let letters = Array((tag ?? "").utf8.prefix { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "_") }.map { $0 | 0x20 })
        self = letters == Array("en".utf8) ? .english : .chinese
    }

    var tag: String { self == .english ? "en" : "zh-CN" }
}
