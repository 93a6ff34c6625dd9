import Protocol

/// What the outcome lane carries, in order of arrival.
enum OutcomeWork {
    case outcome(StoreWork.Outcome)
    case release(JobRun)
    case unclaim(JobRun)
    case adopt(StoreWork.Adoption)

    var run: JobRun {
        switch self {
        case .outcome(let outcome): outcome.run
        case .release(let run), .unclaim(let run): run
        case .adopt(let adoption): adoption.run
        }
    }
}
