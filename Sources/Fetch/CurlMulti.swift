import CCurl
import Reactor

/// libcurl's multi handle, driven by a loop: libcurl says which sockets it waits for and until when, the loop calls it back.
///
/// libcurl calls out only while it is called. What it says then is noted, and done when the call is over.
final class CurlMulti {
    private let port: FetchPort
    private let multi: UnsafeMutableRawPointer
    private var watches: [Int32: EventLoop.Watch] = [:]
    private var timer: EventLoop.Timer?
    private var socketNotes: [(fd: Int32, what: Int32)] = []
    /// ms, -1: no timer.
    private var timerNote: Int?
    private var isClosed = false
    /// A transfer has come to its end; its handle must be taken out with `remove`.
    var onDone: (UnsafeMutableRawPointer, CURLcode) -> Void = { _, _ in }

    init?(_ port: FetchPort, mostConnections: Int?) {
        guard curlGlobal == CURLE_OK, let multi = curl_multi_init() else { return nil }
        self.port = port
        self.multi = multi
        let context = Unmanaged.passUnretained(self).toOpaque()
        var settings = [
            hg_curl_multi_set_socket(multi, Self.onSocket), hg_curl_multi_set_pointer(multi, CURLMOPT_SOCKETDATA, context),
            hg_curl_multi_set_timer(multi, Self.onTimer), hg_curl_multi_set_pointer(multi, CURLMOPT_TIMERDATA, context),
        ]
        if let mostConnections {
            settings += [
                hg_curl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, mostConnections),
                hg_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, mostConnections),
            ]
        }
        guard settings.allSatisfy({ $0 == CURLM_OK }) else { return nil }
    }

    /// Its handles must have been removed before.
    deinit {
        // Connections that close now tell nobody.
        _ = hg_curl_multi_set_socket(multi, nil)
        _ = hg_curl_multi_set_timer(multi, nil)
        curl_multi_cleanup(multi)
    }

    func add(_ handle: UnsafeMutableRawPointer) -> Bool {
        guard !isClosed, curl_multi_add_handle(multi, handle) == CURLM_OK else { return false }
        settle()
        return true
    }

    /// Ends the transfer, if it has not ended.
    func remove(_ handle: UnsafeMutableRawPointer) {
        curl_multi_remove_handle(multi, handle)
        settle()
    }

    /// The same where no loop may be at hand: the sockets it watched close.
    func forget(_ handle: UnsafeMutableRawPointer) { curl_multi_remove_handle(multi, handle) }

    /// Nothing is watched any more.
    func close() {
        isClosed = true
        for watch in watches.values { port.unwatch(watch) }
        watches = [:]
        if let timer { port.cancel(timer) }
        timer = nil
    }

    // MARK: Inside

    private func act(_ fd: Int32, _ ready: Int32) {
        guard !isClosed else { return }
        var running: Int32 = 0
        curl_multi_socket_action(multi, fd, ready, &running)
        settle()
        var left: Int32 = 0
        while !isClosed, let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let handle = message.pointee.easy_handle else { continue }
            onDone(handle, hg_curl_result(message))
        }
    }

    /// Does what libcurl has asked for in the last call.
    private func settle() {
        guard !isClosed else { return }
        while !socketNotes.isEmpty {
            let notes = socketNotes
            socketNotes.removeAll(keepingCapacity: true)
            for note in notes { follow(note.fd, note.what) }
        }
        guard let ms = timerNote else { return }
        timerNote = nil
        if let timer { port.cancel(timer) }
        timer = nil
        guard ms >= 0 else { return }
        timer = port.after(ms) { [weak self] in
            guard let self else { return }
            timer = nil
            act(CURL_SOCKET_TIMEOUT, 0)
        }
    }

    private func follow(_ fd: Int32, _ what: Int32) {
        guard what != CURL_POLL_REMOVE else {
            if let watch = watches.removeValue(forKey: fd) { port.unwatch(watch) }
            return
        }
        var interest: EventLoop.Readiness = []
        if what & CURL_POLL_IN != 0 { interest.insert(.read) }
        if what & CURL_POLL_OUT != 0 { interest.insert(.write) }
        if let watch = watches[fd] { return port.update(watch, interest) }
        watches[fd] = port.watch(fd, interest) { [weak self] ready in
            var bits: Int32 = 0
            if ready.contains(.read) { bits |= CURL_CSELECT_IN }
            if ready.contains(.write) { bits |= CURL_CSELECT_OUT }
            self?.act(fd, bits)
        }
    }

    private static func taken(_ context: UnsafeMutableRawPointer) -> CurlMulti { Unmanaged<CurlMulti>.fromOpaque(context).takeUnretainedValue() }

    private static let onSocket: hg_curl_socket_note = { _, fd, what, context, _ in
        guard let context else { return 0 }
        taken(context).socketNotes.append((fd, what))
        return 0
    }

    private static let onTimer: hg_curl_timer_note = { _, ms, context in
        guard let context else { return 0 }
        taken(context).timerNote = ms
        return 0
    }
}

/// libcurl wants this once a process, before anything else.
let curlGlobal: CURLcode = hg_curl_global()
