//! What a gateway can do wrong, one thing each.

/// The one thing that a gateway does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// Takes a request to a node, and closes the client's connection instead of passing the answer on.
    DropsRequests,
    /// Ends an answer that broke off with a final marker of its own.
    InventsMarkers,
    /// Ends an answer that broke off cleanly, as if it were whole.
    TruncatesSilently,
    /// Asks again for an answer that broke off, and passes it on from its start.
    DuplicatesAfterRetry,
    /// Asks again for an answer that broke off, and goes on at the wrong place.
    SplicesAnswers,
    /// Goes on after a client has left.
    OutlivesItsClient,
    /// Takes no notice of a node's death: sends it its share, and tries another when that fails.
    KeepsSendingToTheDead,
    /// Finds a death at once, and forgets it after a while.
    ForgetsTheDead,
    /// Sends everything to the node that came back.
    HerdsToTheReturned,
    /// Never sends work again to a node that died once.
    NeverGoesBack,
    /// Turns away every other request for a while after a death.
    RecoversSlowly,
    /// Says of each answer that it took one attempt.
    LiesOfItsAttempts,
    /// Sends nodes work that no client asked for.
    MakesWorkUp,
    /// Sends each request to two nodes.
    AsksTwice,
    /// Asks a node that fails again, until it does not.
    RetriesWithoutBound,
    /// Does not tell a client of the wait that every node asked for.
    HidesWaits,
    /// Takes no notice of a node's `Retry-After`.
    IgnoresRetryAfter,
    /// Has a smaller model answer, and calls it by the name of the one that was asked for.
    ServesAnotherModel,
    /// Sends each turn of a session to whichever node's turn it is.
    LosesSessions,
    /// Opens a connection for each attempt, and closes none.
    LeaksConnections,
}
