import CCurl
import Glibc
import Reactor

/// libcurl's handle for one mail server, and the connection that it keeps between mails. It blocks its thread: it lives on a loop of its own.
final class SMTPConnection {
    private let settings: SMTPSettings
    private var curl: UnsafeMutableRawPointer?
    /// The first option that libcurl has refused.
    private var fault = CURLE_OK
    private var errorText = [CChar](repeating: 0, count: Int(CURL_ERROR_SIZE))
    private var turn = 0

    /// libcurl wants this once a process, before anything else.
    private static let global: CURLcode = hg_curl_global()

    init(_ settings: SMTPSettings) { self.settings = settings }
    deinit { if let curl { curl_easy_cleanup(curl) } }

    func send(_ mail: Envelope, _ flag: CancelFlag, on loop: isolated EventLoop) -> MailResult {
        if flag.isRaised { return .cancelled }
        var (result, wasGone) = attempt(mail, flag)
        if wasGone { (result, wasGone) = attempt(mail, flag) }
        closeWhenIdle(on: loop)
        return result
    }

    /// Says goodbye to the server, does not wait for its answer, and forgets the connection.
    func close() {
        guard let curl else { return }
        let socket = long(curl, CURLINFO_LASTSOCKET)
        // libcurl would wait two minutes for the answer.
        if socket >= 0 { shutdown(Int32(socket), Int32(SHUT_RD)) }
        curl_easy_cleanup(curl)
        self.curl = nil
        fault = CURLE_OK
    }

    private func closeWhenIdle(on loop: isolated EventLoop) {
        turn += 1
        let mine = turn
        loop.after(ns: SMTPSettings.idleMs * 1_000_000) { [weak self] in
            guard let self, turn == mine else { return }
            close()
        }
    }

    // MARK: One mail

    /// - Returns: and whether the kept connection turned out to be gone before the mail was begun: another attempt cannot send it twice.
    private func attempt(_ mail: Envelope, _ flag: CancelFlag) -> (MailResult, wasGone: Bool) {
        guard let curl = curl ?? open() else { return (.temporary(code: nil, reason: "libcurl cannot start"), false) }
        let transfer = SMTPTransfer(mail.message, flag)
        let context = Unmanaged.passUnretained(transfer).toOpaque()
        let recipients = curl_slist_append(nil, mail.to)
        defer { curl_slist_free_all(recipients) }
        set(CURLOPT_MAIL_FROM, mail.from)
        check(hg_curl_set_list(curl, CURLOPT_MAIL_RCPT, recipients))
        check(hg_curl_set_offset(curl, CURLOPT_INFILESIZE_LARGE, curl_off_t(mail.message.count)))
        for option in Self.contexts { check(hg_curl_set_pointer(curl, option, context)) }
        let (code, text) = errorText.withUnsafeMutableBufferPointer { buffer in
            buffer[0] = 0
            check(hg_curl_set_pointer(curl, CURLOPT_ERRORBUFFER, buffer.baseAddress))
            let code = fault == CURLE_OK ? curl_easy_perform(curl) : fault
            check(hg_curl_set_pointer(curl, CURLOPT_ERRORBUFFER, nil))
            return (code, String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        // They end with this call.
        for option in Self.contexts { check(hg_curl_set_pointer(curl, option, nil)) }
        check(hg_curl_set_list(curl, CURLOPT_MAIL_RCPT, nil))
        return withExtendedLifetime(transfer) {
            let answer = long(curl, CURLINFO_RESPONSE_CODE)
            let isKept = long(curl, CURLINFO_NUM_CONNECTS) == 0
            let isLost = code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING
            // libcurl 7.88 uses a connection again in the middle of whose conversation it was told to stop.
            if code != CURLE_OK { close() }
            return (judge(code, answer, transfer, text), isKept && isLost && transfer.position == 0 && (answer < 400 || answer == 421))
        }
    }

    private static let contexts = [CURLOPT_READDATA, CURLOPT_HEADERDATA, CURLOPT_XFERINFODATA]

    private func judge(_ code: CURLcode, _ answer: Int, _ transfer: SMTPTransfer, _ said: String) -> MailResult {
        if code == CURLE_OK { return .sent }
        if code == CURLE_ABORTED_BY_CALLBACK { return .cancelled }
        let text = said.isEmpty ? String(cString: curl_easy_strerror(code)) : said
        // A server that refuses and then stalls has refused.
        if (500...599).contains(answer) { return .permanent(code: answer, text: transfer.refusal.isEmpty ? text : transfer.refusal) }
        if (400...499).contains(answer) { return .temporary(code: answer, reason: transfer.refusal.isEmpty ? text : transfer.refusal) }
        return .temporary(code: nil, reason: "\(settings.host):\(settings.port): \(text)")
    }

    // MARK: The handle

    private func open() -> UnsafeMutableRawPointer? {
        guard Self.global == CURLE_OK, let made = curl_easy_init() else {
            fault = CURLE_FAILED_INIT
            return nil
        }
        curl = made
        set(CURLOPT_URL, settings.url)
        set(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        // No way round: neither a proxy of the environment nor a signal.
        set(CURLOPT_PROXY, "")
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_UPLOAD, 1)
        set(CURLOPT_USE_SSL, settings.security == .none ? Int(CURLUSESSL_NONE.rawValue) : Int(CURLUSESSL_ALL.rawValue))
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        if !settings.caFile.isEmpty {
            set(CURLOPT_CAINFO, settings.caFile)
            check(hg_curl_set_text(made, CURLOPT_CAPATH, nil))
        }
        if !settings.username.isEmpty {
            set(CURLOPT_USERNAME, settings.username)
            set(CURLOPT_PASSWORD, settings.password)
        }
        set(CURLOPT_TIMEOUT_MS, settings.timeoutMs)
        set(CURLOPT_CONNECTTIMEOUT_MS, min(settings.timeoutMs, SMTPSettings.connectMs))
        // The goodbye is waited for too, and a name that is being looked up.
        set(CURLOPT_SERVER_RESPONSE_TIMEOUT, (settings.timeoutMs + 999) / 1_000)
        set(CURLOPT_QUICK_EXIT, 1)
        check(hg_curl_set_callback(made, CURLOPT_READFUNCTION, SMTPTransfer.onRead))
        check(hg_curl_set_callback(made, CURLOPT_HEADERFUNCTION, SMTPTransfer.onHeader))
        check(hg_curl_set_callback(made, CURLOPT_WRITEFUNCTION, SMTPTransfer.onBody))
        check(hg_curl_set_progress(made, SMTPTransfer.onProgress))
        set(CURLOPT_NOPROGRESS, 0)
        return made
    }

    private func set(_ option: CURLoption, _ value: Int) { check(hg_curl_set_long(curl, option, value)) }
    private func set(_ option: CURLoption, _ value: String) { check(hg_curl_set_text(curl, option, value)) }

    private func check(_ code: CURLcode) { if fault == CURLE_OK { fault = code } }

    private func long(_ curl: UnsafeMutableRawPointer, _ info: CURLINFO) -> Int {
        var value = 0
        return hg_curl_get_long(curl, info, &value) == CURLE_OK ? value : 0
    }
}
