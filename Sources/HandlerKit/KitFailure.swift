/// Why something that a test requires does not hold, in words for the person who reads the test's output.
public struct KitFailure: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    public var description: String { message }

    init(_ message: String) { self.message = message }

    /// Jobs that a message lists.
    private static let listed = 20

    /// A heading and the jobs, one to a line.
    init(_ heading: String, _ jobs: [KitJob]) {
        var lines = [heading]
        lines += jobs.prefix(Self.listed).map { "  \($0)" }
        if jobs.count > Self.listed { lines.append("  … and \(jobs.count - Self.listed) more") }
        message = lines.joined(separator: "\n")
    }
}
