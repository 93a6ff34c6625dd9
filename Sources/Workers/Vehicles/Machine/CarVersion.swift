/// Versions of a car's software, "2024.26.9": part by part as numbers of up to four digits.
enum CarVersion {
    static func isNewer(_ version: String, than other: String) -> Bool {
        let parts = version.split(separator: ".").map(padded)
        let others = other.split(separator: ".").map(padded)
        return others.lexicographicallyPrecedes(parts)
    }

    private static func padded(_ part: Substring) -> String { String(repeating: "0", count: max(0, 4 - part.utf8.count)) + part }
}
