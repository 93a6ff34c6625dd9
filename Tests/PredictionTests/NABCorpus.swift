import Bytes

/// The open groups of the Numenta Anomaly Benchmark.
struct NABCorpus {
    struct File {
        var group: String
        var name: String
        var times: [Timestamp] = []
        var values: [Double] = []
        /// Positions of each labelled window, both ends included.
        var windows: [ClosedRange<Int>] = []

        /// Positions below this are not scored: 15 % of the file, at most 750.
        var probation: Int { min(Int(0.15 * Double(times.count)), 750) }
    }

    var files: [File] = []

    init(folder: String) throws {
        var labels: [String: [(Timestamp, Timestamp)]] = [:]
        try JSONReader.read(SharedData.read(folder + "/windows.json")) { (r) throws(JSONError) in
            try r.object { (r, key) throws(JSONError) in
                var windows: [(Timestamp, Timestamp)] = []
                try r.array { (r) throws(JSONError) in
                    var ends: [Timestamp] = []
                    try r.array { (r) throws(JSONError) in ends.append(RFC3339.parse(try r.string(), defaultOffset: .utc) ?? Timestamp(seconds: 0)) }
                    windows.append((ends[0], ends[1]))
                }
                labels[key.string] = windows
            }
        }
        for key in labels.keys.sorted() {
            let parts = key.split(separator: "/")
            var file = File(group: String(parts[0]), name: String(parts[1]))
            let lines = String(decoding: SharedData.read(folder + "/" + key), as: UTF8.self).split(whereSeparator: \.isNewline)
            for line in lines.dropFirst() {
                let fields = line.split(separator: ",")
                guard fields.count == 2, let t = RFC3339.parse(String(fields[0]), defaultOffset: .utc), let v = Double(fields[1]) else { continue }
                file.times.append(t)
                file.values.append(v)
            }
            for (start, end) in labels[key] ?? [] {
                guard let left = file.times.firstIndex(where: { $0 >= start }), let right = file.times.lastIndex(where: { $0 <= end }) else { continue }
                file.windows.append(left...right)
            }
            files.append(file)
        }
    }
}
