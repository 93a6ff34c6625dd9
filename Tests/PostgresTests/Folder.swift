import CLinux
import Glibc

/// A directory for one test, removed with all that is in it.
final class Folder: Sendable {
    let path: String

    struct Failed: Error {}

    /// Others may pass through it unless it is private.
    init(isPrivate: Bool = false) throws {
        var name = Array("/tmp/heliograph-test-XXXXXX".utf8CString)
        let isMade = name.withUnsafeMutableBufferPointer { buffer in buffer.baseAddress.map { mkdtemp($0) != nil } ?? false }
        guard isMade else { throw Failed() }
        path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if !isPrivate { chmod(path, 0o711) }
    }

    deinit { Folder.remove(path) }

    static func remove(_ path: String) {
        if let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                if name != "." && name != ".." { remove(path + "/" + name) }
            }
            closedir(directory)
        }
        _ = Glibc.remove(path)
    }

    func write(_ name: String, _ text: String) throws {
        guard let file = fopen(path + "/" + name, "w") else { throw Failed() }
        fputs(text, file)
        fclose(file)
    }

    func makeDirectory(_ name: String) throws {
        guard mkdir(path + "/" + name, 0o755) == 0 else { throw Failed() }
    }

    func exists(_ name: String) -> Bool { access(path + "/" + name, F_OK) == 0 }

    func delete(_ name: String) { unlink(path + "/" + name) }
}
