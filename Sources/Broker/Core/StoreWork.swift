public import Protocol

/// What the core wants written: gathered per tick and carried out by the job store in batches.
public struct StoreWork: Sendable {
    /// A draft to insert; `claim` inserts it already running for this broker.
    public struct Insert: Sendable {
        public var draft: JobDraft
        public var claim: Bool
        public var peer: PeerID
        public var requestID: UInt64
    }

    /// A worker's word on one run.
    public struct Outcome: Sendable {
        public enum Kind: Sendable, Equatable {
            /// Output is a JSON document or empty.
            case done(output: [UInt8])
            case failed(JobFailure, retryInMs: Int64)
            case snoozed(ms: Int64)
            case returned
        }
        public var run: JobRun
        public var kind: Kind
        public var peer: PeerID
    }

    public struct Adoption: Sendable {
        public var run: JobRun
        public var peer: PeerID
    }

    public var inserts: [Insert] = []
    public var outcomes: [Outcome] = []
    /// Runs whose worker died: offered again, the attempt counts.
    public var released: [JobRun] = []
    /// Claimed but never sent: offered again, the attempt is given back.
    public var unclaimed: [JobRun] = []
    public var adoptions: [Adoption] = []
    public var claims: [(kind: String, count: Int)] = []

    public var isEmpty: Bool {
        inserts.isEmpty && outcomes.isEmpty && released.isEmpty && unclaimed.isEmpty && adoptions.isEmpty && claims.isEmpty
    }
}
