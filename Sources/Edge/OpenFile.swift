import CLinux

/// An open file that closes itself when the last answer with it is done.
public final class OpenFile {
    let fd: Int32

    /// Takes the descriptor over.
    public init(fd: Int32) { self.fd = fd }
    deinit { close(fd) }

    /// Reads up to `count` bytes from the start; nil when the file cannot be read.
    func read(_ count: Int) -> [UInt8]? {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let n = pread(fd, buffer.baseAddress! + filled, count - filled, off_t(filled))
                if n < 0 && hg_errno() == EINTR { continue }
                if n < 0 { failed = true }
                if n <= 0 { return }
                filled += n
            }
        }
        return failed ? nil : bytes
    }
}
