internal import CZeroMQ

/// A CURVE key pair in Z85 text, 40 characters each.
public struct CurveKeys: Sendable, Hashable {
    public var publicKey: String
    public var secretKey: String

    public init(publicKey: String, secretKey: String) {
        self.publicKey = publicKey
        self.secretKey = secretKey
    }

    /// A fresh pair from libzmq's CURVE (libsodium underneath).
    public static func generate() throws(ZMQError) -> CurveKeys {
        var p = [CChar](repeating: 0, count: 41)
        var s = [CChar](repeating: 0, count: 41)
        guard zmq_curve_keypair(&p, &s) == 0 else { throw ZMQError("zmq_curve_keypair") }
        return CurveKeys(publicKey: text(p), secretKey: text(s))
    }

    /// The public half of a secret key.
    public init(secretKey: String) throws(ZMQError) {
        var p = [CChar](repeating: 0, count: 41)
        guard zmq_curve_public(&p, secretKey) == 0 else { throw ZMQError("zmq_curve_public") }
        self.init(publicKey: Self.text(p), secretKey: secretKey)
    }

    static func text(_ raw: [CChar]) -> String { String(decoding: raw.prefix(40).map(UInt8.init(bitPattern:)), as: UTF8.self) }

    /// Z85 text of a 32-byte key as ZAP hands it over.
    static func z85(_ key: [UInt8]) -> String? {
        var out = [CChar](repeating: 0, count: 41)
        return key.count == 32 && zmq_z85_encode(&out, key, key.count) != nil ? text(out) : nil
    }
}
