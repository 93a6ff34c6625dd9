/// What plays a simulation until it is stopped.
public protocol Feeder: AnyObject, SendableMetatype {
    /// What runs ends soon.
    func stop()
}
