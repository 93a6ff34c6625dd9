import Bytes
import CSodium

/// Random secrets, and what is kept of them.
public enum Secret {
    /// 32 random bytes in hex.
    public static func random() -> String { Hex.text(bytes(32)) }

    public static func bytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        randombytes_buf(&bytes, count)
        return bytes
    }

    /// A random decimal code of so many digits, each equally likely.
    public static func digits(_ count: Int) -> String {
        String(decoding: (0..<count).map { _ in UInt8(0x30 + randombytes_uniform(10)) }, as: UTF8.self)
    }

    /// SHA-256. On its own only for secrets with as many random bits as it has.
    public static func hash(_ bytes: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: Int(crypto_hash_sha256_BYTES))
        crypto_hash_sha256(&out, bytes, UInt64(bytes.count))
        return out
    }

    public static func hash(_ text: String) -> [UInt8] { hash(Array(text.utf8)) }

    /// Whether two secrets are the same, in a time that does not tell where they differ.
    public static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.count == b.count && sodium_memcmp(a, b, a.count) == 0 }
}
