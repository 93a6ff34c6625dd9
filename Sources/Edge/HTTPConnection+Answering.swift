import Bytes
import CLinux
import HTTP

/// From a request to its answer.
extension HTTPConnection {
    func makeRequest(_ head: RequestHead) -> Request {
        let request = Request(
            head, receivedAt: Timestamp(microseconds: hg_wall_us()), startNs: hg_monotonic_ns(), peer: peer, number: server.nextRequestNumber(),
            dialect: server.router.fallback)
        request.match = server.router.match(head)
        if case .found(let route, _) = request.match { request.dialect = route.dialect } else { request.dialect = server.router.dialect(of: head) }
        return request
    }

    /// Answers the request that is complete.
    func dispatch() {
        guard let request else { return }
        server.counters.requests += 1
        phase = .responding
        pauseDeadline()
        if !request.head.keepAlive { keepAlive = false }
        switch request.match {
        case .found(let route, _): run(route, request)
        case .otherMethods(let allow):
            if request.method == .options { preflight(request, allow) } else { refuse(APIError.methodNotAllowed(allow), request) }
        case .notFound: refuse(APIError.noRoute, request)
        case .malformed: refuse(APIError.badRequest("malformed path"), request)
        }
    }

    private func run(_ route: Route, _ request: Request) {
        do {
            try route.check?(request)
            switch route.kind {
            case .sync(let handler): respond(try handler(request), to: request)
            case .async(let handler):
                let started = server.port.spawn { [self] in
                    let reply: Reply
                    do {
                        reply = try await handler(request)
                    } catch {
                        reply = server.render(error, request.dialect, request.context)
                    }
                    respond(reply, to: request)
                }
                if self.request === request, phase == .responding { task = started }
            case .webSocket(let handler): upgrade(handler, request)
            }
        } catch {
            refuse(error, request)
        }
    }

    private func refuse(_ error: any Error, _ request: Request) {
        respond(server.render(error, request.dialect, request.context), to: request)
    }

    /// Answers what cannot be read as a request, or did not come in time, and closes.
    func fail(_ fault: HTTPFault) {
        keepAlive = false
        let now = Timestamp(microseconds: hg_wall_us())
        let context = request?.context ?? DialectContext(now: now, requestID: String(server.nextRequestNumber(), radix: 16), path: "")
        let code: APIError.Code = fault.status == 408 ? .timeout : fault.status == 503 ? .unavailable : .badRequest
        let reply = server.render(APIError(fault.status, code, fault.reason), request?.dialect ?? server.router.fallback, context)
        let body = reply.bytes ?? []
        count(reply.status)
        writeHead(reply, .length(body.count), request, gzipped: false)
        if request?.method != .head { out.append(body) }
        if let request { server.log?.append(request, status: reply.status, bytes: body.count, durationNs: hg_monotonic_ns() - request.startNs) }
        releaseBody()
        request = nil
        finish()
    }

    private func preflight(_ request: Request, _ allow: String) {
        var reply = Reply.empty()
        reply.headers.append(("Allow", allow))
        if request.head.has("access-control-request-method") {
            reply.headers.append(("Access-Control-Allow-Methods", allow))
            if let wanted = request.header("access-control-request-headers") { reply.headers.append(("Access-Control-Allow-Headers", wanted)) }
            reply.headers.append(("Access-Control-Max-Age", String(configuration.cors.maxAgeSeconds)))
        }
        respond(reply, to: request)
    }

    // MARK: Replies

    func respond(_ given: Reply, to request: Request) {
        guard phase == .responding, self.request === request else { return }
        var reply = given
        if server.isStopping { keepAlive = false }
        count(reply.status)
        bodySent = 0
        let isHead = request.method == .head
        switch reply.body {
        case .bytes(var bytes):
            let zip = bytes.count >= configuration.gzipMinimum && wantsGzip(reply, request)
            if zip, let gzip = server.gzip {
                bytes = gzip.whole(bytes)
                reply.headers.append(("Content-Encoding", "gzip"))
            }
            let bodiless = HTTPStatus.isBodiless(reply.status)
            writeHead(reply, bodiless ? .none : .length(bytes.count), request, gzipped: zip)
            if !isHead, !bodiless {
                bodySent = bytes.count
                out.append(bytes)
            }
            conclude(reply.status, request)
        case .file(let file, let range):
            writeHead(reply, .length(range.count), request, gzipped: false)
            if !isHead {
                bodySent = range.count
                out.append(file, range)
            }
            conclude(reply.status, request)
        case .stream(let body): stream(reply, body, request, isHead: isHead)
        }
    }

    private func stream(_ given: Reply, _ body: @escaping (ReplyWriter) async throws -> Void, _ request: Request, isHead: Bool) {
        var reply = given
        let isChunked = request.head.minorVersion == 1
        if !isChunked { keepAlive = false }
        let gzip = wantsGzip(reply, request) ? Gzip() : nil
        if gzip != nil { reply.headers.append(("Content-Encoding", "gzip")) }
        writeHead(reply, isChunked ? .chunked : .close, request, gzipped: gzip != nil)
        if isHead { return conclude(reply.status, request) }
        markDirty()
        let started = server.port.spawn { [self] in
            let writer = ReplyWriter(self, isChunked: isChunked, gzip: gzip)
            do {
                try await body(writer)
                guard phase == .responding, self.request === request else { return }
                writer.finish()
                conclude(reply.status, request)
            } catch {
                // The head is out: only a cut tells the client that this is not all.
                if phase == .responding, self.request === request { server.closeLater(self) }
            }
        }
        if self.request === request, phase == .responding { task = started }
    }

    private func conclude(_ status: Int, _ request: Request) {
        server.log?.append(request, status: status, bytes: bodySent, durationNs: hg_monotonic_ns() - request.startNs)
        concluded()
    }

    func count(_ status: Int) { server.counters.byClass[min(max(status / 100, 1), 5)] += 1 }

    private func wantsGzip(_ reply: Reply, _ request: Request) -> Bool {
        guard Gzip.isCompressible(reply.contentType), reply.status != 206, !reply.headers.contains(where: { $0.name == "Content-Encoding" }) else {
            return false
        }
        return request.head.has("accept-encoding") && AcceptEncoding(request.head.list("accept-encoding")).prefersGzip
    }

    private func writeHead(_ reply: Reply, _ framing: ResponseHead.Framing, _ request: Request?, gzipped: Bool) {
        let server = self.server
        let keepAlive = self.keepAlive
        out.write { out in
            if out.isEmpty { out.reserveCapacity(512) }
            ResponseHead.begin(status: reply.status, date: server.date, to: &out)
            if let type = reply.contentType { ResponseHead.field("Content-Type", type, to: &out) }
            for (name, value) in reply.headers { ResponseHead.field(name, value, to: &out) }
            if let request {
                ResponseHead.field("X-Request-Id", request.id, to: &out)
                Self.cors(server.configuration.cors, request, &out)
            }
            if gzipped || Self.mayVary(reply, server.configuration) { ResponseHead.field("Vary", "Accept-Encoding", to: &out) }
            if !keepAlive {
                ResponseHead.field("Connection", "close", to: &out)
            } else if request?.head.minorVersion == 0 {
                ResponseHead.field("Connection", "keep-alive", to: &out)
            }
            ResponseHead.framing(framing, to: &out)
            ResponseHead.end(to: &out)
        }
    }

    /// Whether another client would have got this body gzipped: caches must know.
    private static func mayVary(_ reply: Reply, _ configuration: ServerConfiguration) -> Bool {
        switch reply.body {
        case .bytes(let bytes): if bytes.count < configuration.gzipMinimum { return false }
        case .stream: break
        case .file: return false
        }
        return Gzip.isCompressible(reply.contentType) && !reply.headers.contains { $0.name == "Vary" }
    }

    private static func cors(_ policy: CORSPolicy, _ request: Request, _ out: inout [UInt8]) {
        if policy.origins.isEmpty { return }
        if !policy.isAny { ResponseHead.field("Vary", "Origin", to: &out) }
        guard let allowed = policy.allowed(request.header("origin")) else { return }
        ResponseHead.field("Access-Control-Allow-Origin", allowed, to: &out)
        ResponseHead.field("Access-Control-Expose-Headers", policy.exposed, to: &out)
    }

    // MARK: Upgrade

    private func upgrade(_ handler: any WebSocketHandler, _ request: Request) {
        let accept: String
        do throws(HTTPFault) {
            accept = try WebSocketHandshake.check(request.head)
        } catch {
            var refusal = APIError(error.status, .badRequest, error.reason)
            if error.status == 426 { refusal.headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")] }
            return refuse(refusal, request)
        }
        do {
            try handler.admit(request)
        } catch {
            return refuse(error, request)
        }
        count(101)
        let date = server.date
        out.write { out in
            ResponseHead.begin(status: 101, date: date, to: &out)
            ResponseHead.field("Upgrade", "websocket", to: &out)
            ResponseHead.field("Connection", "Upgrade", to: &out)
            ResponseHead.field("Sec-WebSocket-Accept", accept, to: &out)
            ResponseHead.end(to: &out)
        }
        server.log?.append(request, status: 101, bytes: 0, durationNs: hg_monotonic_ns() - request.startNs)
        phase = .upgraded
        self.request = nil
        let socket = WebSocket(self, handler)
        self.socket = socket
        server.counters.webSockets += 1
        handler.opened(socket, request)
        markDirty()
        if server.isStopping { socket.close(.goingAway, "the server stops") }
    }
}
