// swift-tools-version: 6.2
// Heliograph: see README.md. No SwiftPM packages; C libraries come from Debian (scripts/bootstrap).
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "heliograph",
    products: [
        .executable(name: "heliograph", targets: ["Heliograph"])
    ],
    targets: [
        // C libraries: a module map and a shim header each.
        .systemLibrary(name: "CZeroMQ"),
        .systemLibrary(name: "CPostgreSQL"),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CZlib"),
        .systemLibrary(name: "CSodium"),
        .systemLibrary(name: "CCurl"),

        // Pure: no C, no clock, no threads.
        library("Bytes"),
        library("Protocol", ["Bytes"]),
        library("HTTP", ["Bytes"]),

        // Effects.
        library("Secrets", ["CSodium", "Bytes"]),
        library("Reactor", ["CLinux", "Bytes"]),
        library("Fetch", ["CCurl", "Bytes", "HTTP", "Reactor"]),
        library("Edge", ["CLinux", "CZlib", "Bytes", "HTTP", "Reactor"]),
        library("ZeroMQ", ["CZeroMQ", "Bytes", "Protocol", "Reactor"]),
        library("Postgres", ["CPostgreSQL", "CLinux", "Bytes", "Reactor"]),

        // The three parts, which meet in Protocol only.
        library("Broker", ["Bytes", "Protocol", "Reactor", "ZeroMQ", "Postgres"]),
        library("Workers", ["CCurl", "CLinux", "CZlib", "Bytes", "Protocol", "HTTP", "Reactor", "Fetch", "ZeroMQ", "Postgres", "Secrets"]),
        library("API", ["CLinux", "CZlib", "CSodium", "Bytes", "Protocol", "HTTP", "Reactor", "Edge", "Fetch", "ZeroMQ", "Postgres", "Secrets"]),
        library("Simulation", ["CLinux", "CZlib", "Bytes", "Protocol", "HTTP", "Reactor", "Edge"]),
        // For tests of handlers: no executable depends on it.
        library("HandlerKit", ["Bytes", "Protocol", "Reactor", "ZeroMQ", "Postgres", "Broker", "Workers"]),

        .target(
            name: "BenchmarkHarness",
            dependencies: ["CLinux", "CPostgreSQL", "Bytes", "Protocol", "HTTP", "Reactor", "ZeroMQ", "Postgres", "Broker", "Workers", "API", "Simulation"],
            path: "Benchmarks/Harness", swiftSettings: strict),
        .executableTarget(
            name: "Heliograph",
            dependencies: [
                "CLinux", "Bytes", "Protocol", "HTTP", "Reactor", "Edge", "Fetch", "ZeroMQ", "Postgres", "Broker", "Workers", "API", "Simulation", "Secrets",
                "BenchmarkHarness",
            ],
            swiftSettings: strict),

        // What tests of several targets share.
        .target(
            name: "TestSupport", dependencies: ["CLinux", "Bytes", "Protocol", "HTTP", "Reactor", "ZeroMQ", "Postgres", "Broker", "Workers", "API"],
            path: "Tests/Support", exclude: ["smtp_server.py"], swiftSettings: strict),
        tests("BytesTests", ["Bytes"]),
        tests("ProtocolTests", ["Bytes", "Protocol"]),
        tests("HTTPTests", ["Bytes", "HTTP"]),
        tests("ReactorTests", ["CLinux", "Bytes", "Reactor"]),
        tests("ZeroMQTests", ["Bytes", "Protocol", "Reactor", "ZeroMQ", "Broker"]),
        tests("PostgresTests", ["CLinux", "Bytes", "Reactor", "Postgres"]),
        tests("BrokerTests", ["Bytes", "Protocol", "Broker"]),
        tests("HandlerKitTests", ["Bytes", "Protocol", "Reactor", "ZeroMQ", "Postgres", "Broker", "Workers", "HandlerKit"]),
        tests("PredictionTests", ["Bytes", "Workers", "Simulation"]),
        tests(
            "BatteryTests",
            ["CLinux", "Bytes", "Protocol", "HTTP", "Reactor", "ZeroMQ", "Postgres", "Broker", "Workers", "API", "Secrets", "TestSupport"]),
        tests("VehicleTests", ["Bytes", "Protocol", "Workers"]),
        tests("UpkeepTests", ["Bytes", "Protocol", "Reactor", "Postgres", "Workers", "TestSupport"]),
        tests("MailTests", ["CLinux", "Bytes", "Protocol", "Reactor", "ZeroMQ", "Postgres", "Workers", "HandlerKit", "Secrets", "TestSupport"]),
        tests("LogbookTests", ["Bytes", "Protocol", "HTTP", "Reactor", "Fetch", "ZeroMQ", "Postgres", "Broker", "Workers", "HandlerKit", "TestSupport"]),
        .testTarget(
            name: "PollerTests",
            dependencies: [
                "CLinux", "Bytes", "Protocol", "HTTP", "Reactor", "Edge", "Fetch", "ZeroMQ", "Postgres", "Broker", "Workers", "Secrets", "Simulation",
                "TestSupport",
            ],
            exclude: ["tls_front.py"], swiftSettings: strict),
        tests("SimulationTests", ["CLinux", "Bytes", "HTTP", "Reactor", "Edge", "Simulation"]),
        tests("ConformanceTests", ["CLinux", "CZlib", "Bytes", "HTTP", "Reactor", "Edge", "API"]),
        tests(
            "ChargingAPITests",
            ["CLinux", "Bytes", "Protocol", "HTTP", "Reactor", "ZeroMQ", "Postgres", "Broker", "Workers", "API", "Simulation", "TestSupport"]),
        tests("DeviceTests", ["Bytes", "HTTP", "Reactor", "Postgres", "API", "TestSupport"]),
        tests("AccountTests", ["CLinux", "Bytes", "HTTP", "Reactor", "Postgres", "Secrets", "Workers", "API", "TestSupport"]),
        tests("OperationsTests", ["Bytes", "Reactor", "ZeroMQ", "Postgres", "API", "Simulation", "Heliograph"]),
        tests(
            "FleetTests",
            ["CLinux", "Bytes", "Protocol", "Reactor", "ZeroMQ", "Postgres", "Broker", "Workers", "Simulation", "Heliograph", "TestSupport"]),
    ]
)
