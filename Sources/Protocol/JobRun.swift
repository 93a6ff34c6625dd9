/// Identifies one run of a job; what every completion is fenced by.
public struct JobRun: Hashable, Sendable {
    public var id: Int64
    public var attempt: Int

    public init(id: Int64, attempt: Int) {
        self.id = id
        self.attempt = attempt
    }

    /// The run that a message speaks of.
    public init(_ view: MessageView) { self.init(id: Int64(bitPattern: view.header.requestID), attempt: Int(view.header.aux)) }

    /// A header that speaks of this run.
    public func header(_ verb: Verb, flags: Header.Flags = []) -> Header {
        Header(verb, flags: flags, requestID: UInt64(bitPattern: id), aux: UInt32(clamping: attempt))
    }
}
