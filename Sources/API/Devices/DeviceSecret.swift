import Bytes
import Secrets

/// A device's key or token as its holder gets it: the only time that its text is seen.
struct DeviceSecret {
    let text: String

    static func key() -> DeviceSecret { DeviceSecret(text: "zk_" + Secret.random()) }
    static func token() -> DeviceSecret { DeviceSecret(text: "dt_" + Secret.random()) }

    /// What is kept of it.
    var hash: [UInt8] { Secret.hash(text) }
    /// What people tell it from others by.
    var prefix: String { String(text.prefix(10)) }
}
