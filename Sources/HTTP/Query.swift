/// The parameters of a query or a form body (`application/x-www-form-urlencoded`), decoded, in order.
public struct Query: Hashable, Sendable {
    public struct Item: Hashable, Sendable {
        public var name: String
        public var value: String
    }

    public var items: [Item] = []

    public init() {}

    /// Reads `a=1&b=2`. Nil when a name or value is not UTF-8 after decoding or has a malformed escape: that is a 400.
    /// A name without `=` has an empty value; empty pieces are skipped.
    public init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        for piece in bytes.split(separator: UInt8(ascii: "&")) {
            let equals = piece.firstIndex(of: UInt8(ascii: "=")) ?? piece.endIndex
            let after = min(equals + 1, piece.endIndex)
            guard let name = PercentCoding.decode(UnsafeBufferPointer(rebasing: piece[piece.startIndex..<equals]), plusIsSpace: true),
                let value = PercentCoding.decode(UnsafeBufferPointer(rebasing: piece[after...]), plusIsSpace: true)
            else { return nil }
            items.append(Item(name: name, value: value))
        }
    }

    public init?(_ text: String) {
        var text = text
        guard let query = text.withUTF8({ Query($0) }) else { return nil }
        self = query
    }

    /// The first value of that name.
    public subscript(_ name: String) -> String? { items.first { $0.name == name }?.value }

    /// Every value of that name, in order.
    public func all(_ name: String) -> [String] { items.filter { $0.name == name }.map(\.value) }
}
