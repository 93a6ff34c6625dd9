import CCurl

/// What the transfers of a loop share beside connections: names that were looked up, and TLS sessions. Without locks: they are on one thread.
final class CurlShare {
    let handle: UnsafeMutableRawPointer

    init?() {
        guard curlGlobal == CURLE_OK, let made = curl_share_init() else { return nil }
        handle = made
        guard hg_curl_share(made, CURL_LOCK_DATA_DNS) == CURLSHE_OK, hg_curl_share(made, CURL_LOCK_DATA_SSL_SESSION) == CURLSHE_OK else { return nil }
    }

    deinit { curl_share_cleanup(handle) }
}
