/// The edge is part of what every file here speaks of, and of what the node's users see: requests, replies, routes, sockets.
@_exported public import Edge
