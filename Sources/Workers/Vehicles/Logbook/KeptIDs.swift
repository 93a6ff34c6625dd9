import Bytes

/// The ids that rows of one table had, by the rows' times. Rows of the same time get theirs in order.
struct KeptIDs {
    private var times: [Int64] = []
    private var ids: [Int64] = []
    private var isTaken: [Bool] = []

    /// Rows come in the order of time and id.
    mutating func append(_ id: Int64, at: Timestamp) {
        times.append(at.microseconds)
        ids.append(id)
        isTaken.append(false)
    }

    mutating func take(_ at: Timestamp) -> Int64? {
        var low = 0
        var high = times.count
        while low < high {
            let middle = (low + high) / 2
            if times[middle] < at.microseconds { low = middle + 1 } else { high = middle }
        }
        while low < times.count, times[low] == at.microseconds {
            if !isTaken[low] {
                isTaken[low] = true
                return ids[low]
            }
            low += 1
        }
        return nil
    }
}
