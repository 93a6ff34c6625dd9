public import Fetch
public import Reactor

extension GeocodeWorker {
    /// Asks through a fetcher, ten seconds a request.
    public static func get(_ fetcher: Fetcher, on loop: isolated EventLoop) -> Get {
        { url, headers in
            let answer = try await fetcher.send(FetchRequest("GET", url, headers: headers, deadlineMs: 10_000, maxBytes: 1 << 20), on: loop).get()
            return (answer.status, answer.body)
        }
    }
}
