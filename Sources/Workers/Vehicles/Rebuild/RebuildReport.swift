public import Bytes

/// What came of deriving a car's rows again.
public struct RebuildReport: Sendable {
    /// Differences shown of a table.
    static let mostExamples = 5

    public struct Table: Sendable {
        public var name: String
        /// Rows by their ids.
        public var same = 0
        public var changed = 0
        public var added = 0
        public var removed = 0
        public var examples: [String] = []

        public var isDifferent: Bool { changed + added + removed > 0 }
    }

    /// Where it began.
    public var from: Timestamp
    public var inputs = 0
    /// Records that could not be read, and are passed over.
    public var unreadable = 0
    public var tables: [Table] = []
    /// Nothing was written.
    public var isDry: Bool

    public var isDifferent: Bool { tables.contains(where: \.isDifferent) }
}
