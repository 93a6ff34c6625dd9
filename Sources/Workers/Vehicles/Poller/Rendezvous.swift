/// Which of several owners is the rightful one of something: all who ask find the same, and when an owner comes or goes only its own things move
/// (highest random weight).
struct Rendezvous {
    private let owners: [(id: String, hash: UInt64)]

    init(_ owners: some Collection<String>) { self.owners = owners.map { ($0, Self.hash($0)) } }

    /// nil: there are no owners.
    func owner(of thing: Int64) -> String? {
        var best: (id: String, weight: UInt64)?
        for owner in owners {
            let weight = Self.mix(owner.hash ^ Self.mix(UInt64(bitPattern: thing)))
            guard let found = best else {
                best = (owner.id, weight)
                continue
            }
            if weight > found.weight || (weight == found.weight && owner.id < found.id) { best = (owner.id, weight) }
        }
        return best?.id
    }

    /// FNV-1a.
    private static func hash(_ text: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash
    }

    /// The finisher of splitmix64.
    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
