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
        /// The job's kind, where the broker has given it out.
        public var jobKind: String?

        init(run: JobRun, kind: Kind, peer: PeerID, jobKind: String? = nil) {
            self.run = run
            self.kind = kind
            self.peer = peer
            self.jobKind = jobKind
        }
    }

    public struct Adoption: Sendable {
        public var run: JobRun
        public var peer: PeerID
    }

    /// A wish for available jobs of one kind.
    public struct Claim: Sendable {
        public var kind: String
        public var count: Int
        /// Where they are looked for.
        public var lanes: [Lane]
        /// The kind has limits: it may get fewer than there are.
        public var isLimited: Bool
    }

    public var inserts: [Insert] = []
    public var outcomes: [Outcome] = []
    /// Runs whose worker died: offered again, the attempt counts.
    public var released: [JobRun] = []
    /// Claimed but never sent: offered again, the attempt is given back.
    public var unclaimed: [JobRun] = []
    public var adoptions: [Adoption] = []
    public var claims: [Claim] = []
    /// Claims that begin at the front: they take long where dead entries lie there, and hold no other claim up.
    public var looks: [Claim] = []
    /// Kinds whose queues should be looked for.
    public var scans: Set<String> = []
    /// What running jobs last said of themselves.
    public var progress: [JobRun: [UInt8]] = [:]

    public var isEmpty: Bool {
        inserts.isEmpty && outcomes.isEmpty && released.isEmpty && unclaimed.isEmpty && adoptions.isEmpty && claims.isEmpty && looks.isEmpty
            && scans.isEmpty && progress.isEmpty
    }
}
