import Bytes
import CSodium

/// Keeps what must be read again, but not by whoever reads the database: XChaCha20-Poly1305 (libsodium), the nonce in front.
public struct Seal: Sendable {
    public static let keyBytes = 32
    private let key: [UInt8]

    /// - Parameter key: 32 bytes; nil for any other number.
    public init?(key: [UInt8]) {
        guard key.count == Self.keyBytes else { return nil }
        self.key = key
    }

    /// - Parameter context: what the text belongs to; it opens with the same only.
    public func close(_ text: [UInt8], context: String) -> [UInt8] {
        let nonce = Secret.bytes(Int(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES))
        var out = [UInt8](repeating: 0, count: text.count + Int(crypto_aead_xchacha20poly1305_ietf_ABYTES))
        let extra = Array(context.utf8)
        var length: UInt64 = 0
        crypto_aead_xchacha20poly1305_ietf_encrypt(&out, &length, text, UInt64(text.count), extra, UInt64(extra.count), nil, nonce, key)
        return nonce + out
    }

    /// nil when it was changed, belongs to something else, or was sealed with another key.
    public func open(_ sealed: [UInt8], context: String) -> [UInt8]? {
        let nonceBytes = Int(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES)
        let tagBytes = Int(crypto_aead_xchacha20poly1305_ietf_ABYTES)
        guard sealed.count >= nonceBytes + tagBytes else { return nil }
        let body = Array(sealed[nonceBytes...])
        var out = [UInt8](repeating: 0, count: body.count - tagBytes)
        let extra = Array(context.utf8)
        var length: UInt64 = 0
        let result = crypto_aead_xchacha20poly1305_ietf_decrypt(
            &out, &length, nil, body, UInt64(body.count), extra, UInt64(extra.count), Array(sealed[..<nonceBytes]), key)
        return result == 0 ? out : nil
    }
}
