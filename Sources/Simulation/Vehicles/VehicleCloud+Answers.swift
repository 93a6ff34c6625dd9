import Bytes
import Edge
import HTTP

/// From a request to its answer: who asks, what is wrong today, what the car says.
extension VehicleCloud {
    /// An answer that is cut: nothing of it goes out, or only a part.
    private struct Cut: Error {}

    /// The slow 408 takes so long.
    private static let slowSeconds = 9.1

    // MARK: Tokens

    func token(_ request: Request) async -> Reply {
        let t = clock.now
        let fault = faults.take(car: nil, endpoint: .token, at: t)
        let reply = await spoil(grant(request, t), fault, nil)
        counters.note(t, nil, .token, reply.status)
        return reply
    }

    private func grant(_ request: Request, _ t: Timestamp) -> Reply {
        let body = try? request.json()  // ok: what is no JSON is refused like any other nonsense
        guard let body, body["grant_type"]?.string == "refresh_token", body["client_id"]?.string == "ownerapi", let token = body["refresh_token"]?.string
        else { return Self.oauthError(400, "invalid_request", "grant_type, client_id and refresh_token are needed") }
        guard let grant = tokens.renew(token, at: t) else {
            counters.refusedRefreshes += 1
            return Self.oauthError(401, "login_required", "The refresh_token is invalid. Please generate a new one.")
        }
        return .json { w in
            w.object { w in
                w.member("access_token", grant.access)
                w.member("refresh_token", grant.refresh)
                w.member("id_token", "id-" + grant.access)
                w.member("expires_in", grant.expiresInSeconds)
                w.member("token_type", "Bearer")
            }
        }
    }

    private static func oauthError(_ status: Int, _ error: String, _ text: String) -> Reply {
        .json(status: status) { w in
            w.object { w in
                w.member("error", error)
                w.member("error_description", text)
            }
        }
    }

    // MARK: Cars

    func answer(_ request: Request, _ endpoint: CloudEndpoint, idParam: String?) async throws -> Reply {
        let t = clock.now
        let id = idParam.flatMap { Int64(request.param($0)) }
        func noted(_ reply: Reply, _ car: CloudCar?) -> Reply {
            counters.note(t, car?.id ?? id, endpoint, reply.status)
            return reply
        }
        guard let account = bearer(request, t) else { return noted(CloudDialect.refusal(401, "invalid bearer token"), nil) }
        guard idParam != nil else {
            let fault = faults.take(car: nil, endpoint: endpoint, at: t)
            let plain = endpoint == .products ? list(account, t) : Self.retired
            return noted(await spoil(plain, fault, nil), nil)
        }
        guard let id, let car = car(id), car.account == account else { return noted(CloudDialect.refusal(404, "not_found"), nil) }
        let fault = faults.take(car: car.id, endpoint: endpoint, at: t)
        if endpoint == .vehicleData, case let look = car.look(t), look.state == .asleep { counters.noteAsleep(car.id) }
        var lag = 0.0
        if case .stale(let seconds) = fault { lag = seconds }
        let plain: Reply
        switch endpoint {
        case .vehicleData: plain = try data(car, request, t, lag: lag, isRefused: fault.map(Self.refuses) ?? false)
        case .wakeUp:
            car.wake(t)
            plain = summary(car, t, fault)
        default: plain = summary(car, t, fault)
        }
        return noted(await spoil(plain, fault, car), car)
    }

    private func bearer(_ request: Request, _ t: Timestamp) -> Int? {
        guard let field = request.header("authorization"), field.hasPrefix("Bearer ") else { return nil }
        return tokens.account(String(field.dropFirst(7)), at: t)
    }

    private func list(_ account: Int, _ t: Timestamp) -> Reply {
        let own = cars.filter { $0.account == account }
        return .json(capacity: 600 * own.count + 256) { w in
            w.object { w in
                w.key("response")
                w.array { w in
                    for car in own { w.object { VehicleDataWriter.identity(car, car.look(t).state.rawValue, to: &$0) } }
                    // Every household has a roof: what is no vehicle is in the list as well.
                    w.object { w in
                        w.member("energy_site_id", 2_252_147_638_651_575)
                        w.member("resource_type", "solar")
                    }
                }
                w.member("count", own.count + 1)
            }
        }
    }

    private func summary(_ car: CloudCar, _ t: Timestamp, _ fault: CloudFault?) -> Reply {
        var state: String?
        if case .state(let other) = fault { state = other }
        return .json(car.summary(at: t, state: state))
    }

    private func data(_ car: CloudCar, _ request: Request, _ t: Timestamp, lag: Double, isRefused: Bool) throws -> Reply {
        if car.isInService { return Self.inService }
        let parts = VehicleDataWriter.Parts(try request.text("endpoints"))
        // A request that is refused before it reaches the car does not keep it awake.
        guard let bytes = isRefused ? nil : car.data(at: t, parts, lag: lag) else { return Self.unavailable }
        return .json(bytes)
    }

    // MARK: Faults

    static var unavailable: Reply { CloudDialect.refusal(408, "vehicle unavailable: vehicle is offline or asleep") }
    static var inService: Reply { CloudDialect.refusal(405, "vehicle is currently in service") }
    static var retired: Reply {
        CloudDialect.refusal(412, "Endpoint is only available on fleetapi. Visit https://developer.tesla.com/docs for more info")
    }

    /// Faults of the service's own edge.
    private static func refuses(_ fault: CloudFault) -> Bool {
        switch fault {
        case .unavailable, .limited, .unauthorized, .forbidden, .overLimit, .notFound, .inService, .retired, .status: true
        default: false
        }
    }

    private func spoil(_ plain: Reply, _ fault: CloudFault?, _ car: CloudCar?) async -> Reply {
        guard let fault else { return plain }
        switch fault {
        case .slowTimeout:
            await clock.wait(Self.slowSeconds)
            return CloudDialect.refusal(408, #"{"error": "timeout"}"#)
        case .unavailable: return Self.unavailable
        case .limited(let seconds):
            var reply = Reply.text("Retry in \(seconds) seconds\n", status: 429)
            reply.headers.append(("Retry-After", String(seconds)))
            return reply
        case .unauthorized: return CloudDialect.refusal(401, "invalid bearer token")
        case .forbidden: return CloudDialect.refusal(403, "forbidden, see https://developer.tesla.com/docs/fleet-api")
        case .overLimit: return CloudDialect.refusal(403, "account disabled: EXCEEDED_LIMIT")
        case .notFound: return CloudDialect.refusal(404, "not_found")
        case .inService: return Self.inService
        case .retired: return Self.retired
        case .status(let status): return .text("upstream connect error or disconnect/reset before headers. reset reason: connection failure", status: status)
        case .gatewayTimeout: return CloudDialect.refusal(504, "upstream_timeout")
        case .hang(let seconds):
            await clock.wait(seconds)
            return Self.cut
        case .truncated: return Reply(status: plain.status, contentType: plain.contentType, .bytes(Self.half(plain)))
        case .cut: return Self.cut
        case .cutInBody: return cutInBody(Self.half(plain))
        case .member(let path, let value): return Self.replace(path, value, in: plain)
        case .text(let text): return Reply(status: 200, contentType: Reply.json, .bytes(Array(text.utf8)))
        case .stale, .state: return plain
        }
    }

    private static func half(_ reply: Reply) -> [UInt8] { Array((reply.bytes ?? []).prefix((reply.bytes?.count ?? 0) / 2)) }

    /// A stream that throws at once is cut before its head goes out.
    private static var cut: Reply { .stream { (_: ReplyWriter) async throws in throw Cut() } }

    private func cutInBody(_ part: [UInt8]) -> Reply {
        .stream { [clock] (writer: ReplyWriter) async throws in
            try await writer.write(part)
            // So that the part is on its way before the end.
            await clock.pause()
            throw Cut()
        }
    }

    private static func replace(_ path: [String], _ value: JSONValue?, in reply: Reply) -> Reply {
        let parsed = reply.bytes.flatMap { try? JSONValue.parse($0) }  // ok: what is no JSON has no members
        guard let parsed else { return reply }
        return .json(set(["response"] + path, value, in: parsed).bytes, status: reply.status)
    }

    private static func set(_ path: [String], _ value: JSONValue?, in document: JSONValue) -> JSONValue {
        guard let name = path.first else { return value ?? document }
        guard case .object(var members) = document else { return document }
        let place = members.firstIndex { $0.key == name }
        if path.count == 1 {
            if let place, let value { members[place].value = value }
            if let place, value == nil { members.remove(at: place) }
            if place == nil, let value { members.append((name, value)) }
        } else if let place {
            members[place].value = set(Array(path.dropFirst()), value, in: members[place].value)
        }
        return .object(members)
    }
}
