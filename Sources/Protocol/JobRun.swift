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

    /// Runs one behind the other: id i64, attempt u32, little-endian.
    public static func list(_ runs: some Collection<JobRun>) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(runs.count * 12)
        for run in runs {
            withUnsafeBytes(of: run.id.littleEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: UInt32(clamping: run.attempt).littleEndian) { bytes.append(contentsOf: $0) }
        }
        return bytes
    }

    /// The runs of such a list; nil where its length is none of one.
    public static func list(_ bytes: UnsafeBufferPointer<UInt8>) -> Set<JobRun>? {
        guard bytes.count % 12 == 0 else { return nil }
        var runs: Set<JobRun> = []
        runs.reserveCapacity(bytes.count / 12)
        let raw = UnsafeRawBufferPointer(bytes)
        for offset in stride(from: 0, to: bytes.count, by: 12) {
            runs.insert(
                JobRun(
                    id: Int64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: Int64.self)),
                    attempt: Int(UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: offset + 8, as: UInt32.self)))))
        }
        return runs
    }

    /// A header that speaks of this run.
    public func header(_ verb: Verb, flags: Header.Flags = []) -> Header {
        Header(verb, flags: flags, requestID: UInt64(bitPattern: id), aux: UInt32(clamping: attempt))
    }
}
