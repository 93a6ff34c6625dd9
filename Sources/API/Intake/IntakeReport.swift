import Bytes

/// What became of the rows of a body.
struct IntakeReport {
    /// Refused rows that are named; more are counted only.
    static let namedBound = 100

    struct Rejection: Hashable {
        /// Which row of the body, from 0.
        let index: Int
        let reason: String
    }

    private(set) var rows = 0
    private(set) var accepted = 0
    private(set) var rejected: [Rejection] = []
    var rejectedCount: Int { rows - accepted }

    mutating func accept() {
        rows += 1
        accepted += 1
    }

    mutating func reject(_ reason: @autoclosure () -> String) {
        if rejected.count < Self.namedBound { rejected.append(Rejection(index: rows, reason: reason())) }
        rows += 1
    }

    /// `{"accepted":n,"rejected":[{"index":i,"reason":"…"}],"rejected_count":m,"inserted":k}`; 400 when there were rows and none was good.
    func reply(inserted: Int?) -> Reply {
        .json(status: rows > 0 && accepted == 0 ? 400 : 200, capacity: 96 + rejected.count * 64) { w in
            w.object { w in write(inserted: inserted, &w) }
        }
    }

    /// The members of the reply.
    func write(inserted: Int?, _ w: inout JSONWriter) {
        w.member("accepted", accepted)
        w.key("rejected")
        w.array { w in
            for rejection in rejected {
                w.object { w in
                    w.member("index", rejection.index)
                    w.member("reason", rejection.reason)
                }
            }
        }
        w.member("rejected_count", rejectedCount)
        if let inserted { w.member("inserted", inserted) }
    }
}
