import HTTP

enum Base64Text {
    static func url(_ text: String) -> String { Base64.encodeURL(Array(text.utf8)) }
}
