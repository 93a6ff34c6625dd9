import CLinux
import Reactor

/// The command line: reads the configuration, wires the parts, runs them.
@main
struct Heliograph {
    static let usage = """
        usage: heliograph <command> [options]

          up [--demo] [--port N] [--data DIR]      everything in one process, with a private PostgreSQL where DATABASE_URL is not set
          broker [--name N] [--bind W,T]           one broker
          api [--port N]                           one API node
          worker [names…] [--slots N]              workers in one process: telemetry, prediction, upkeep, mail, geocode, vehicles, probe (none: all)
          jobs list|show|why|retry|cancel|discard|enqueue|replay|stats|queues|pause|resume|limit|schedule|audit … [--json]
          db migrate|status
          vehicles login --name NAME [--token-file F] | vehicles list   accounts of cars; tokens from the file or standard input
          vehicles rebuild --car N [--since T] [--dry-run] [--take]   derive its rows again from what it had said
          user add NAME [--role admin]             the password is read from standard input
          token new --scope ingest|admin
          keys new broker|NAME [--role api|worker|tool] | keys rotate
          simulate charging [--speed X] [--url U] [--file F] [--meters N] [--step S] [--seed N] [--start T] [--for S]
          simulate devices [--speed X] [--url U] [--devices N] [--step S] [--seed N] [--login USER --password P] [--for S]
          simulate vehicles [--port N] [--host H] [--cars N] [--lives day|random|driving] [--speed X] [--seed N]
          bench [names…]                           benchmarks; PEERS=1 measures the references too
          config                                   every setting: name, value, where it came from
        """

    /// Synchronous, so that the signal mask is set before the concurrency runtime makes its first thread.
    static func main() {
        hg_line_buffer()
        StopSignal.install()
        Task.detached {
            await start()
            exit(0)
        }
        while true { pause() }
    }

    private static func start() async {
        do {
            var words = Array(CommandLine.arguments.dropFirst())
            guard let command = words.first, command != "help", command != "--help", command != "-h" else {
                print(usage)
                return
            }
            words.removeFirst()
            let arguments = try Arguments(words, switches: JobsCommand.switches.union(VehicleCommands.switches).union(["demo", "json", "help"]))
            let settings = try Settings(arguments)
            Log.level = settings.logLevel ?? .info
            try await run(command, arguments, settings)
        } catch let error as UsageError {
            fail(error.description, 2)
        } catch {
            fail(String(describing: error), 1)
        }
    }

    private static func run(_ command: String, _ arguments: Arguments, _ settings: Settings) async throws {
        switch command {
        case "up": try await UpCommand.run(arguments, settings)
        case "broker": try await PartCommands.broker(arguments, settings)
        case "api": try await PartCommands.api(arguments, settings)
        case "worker": try await PartCommands.worker(arguments, settings)
        case "jobs": try await JobsCommand.run(arguments, settings)
        case "db": try await DatabaseCommand.run(arguments, settings)
        case "vehicles": try await VehicleCommands.run(arguments, settings)
        case "user": try await AccountCommands.user(arguments, settings)
        case "token": try await AccountCommands.token(arguments, settings)
        case "keys": try await KeysCommand.run(arguments, settings)
        case "simulate": try await SimulateCommand.run(arguments, settings)
        case "bench": try await BenchCommand.run(arguments, settings)
        case "config": try ConfigCommand.run(arguments, settings)
        default: throw UsageError("unknown command '\(command)'; 'heliograph help' lists them")
        }
    }

    static func fail(_ message: String, _ code: Int32) -> Never {
        let line = Array("heliograph: \(message)\n".utf8)
        _ = write(2, line, line.count)
        exit(code)
    }
}
