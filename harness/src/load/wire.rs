//! How an exchange ended on the wire, and what that says of it, told from the errors of the HTTP client.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use rustix::io::Errno;

use super::patience::GaveUp;
use crate::record::TimeoutKind;

/// The end of an exchange, as the client's socket saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    /// The message ended as HTTP says it should.
    Clean,
    /// No connection came about.
    ConnectFailed {
        /// What the system said.
        error: String,
        /// For want of something of the client's own: file descriptors, ports.
        starved: bool,
    },
    /// The other side reset the connection.
    Reset(String),
    /// The other side closed the connection before the message was whole.
    Cut(String),
    /// What came is not HTTP, or too large to be an answer.
    Garbled(String),
    /// The client gave up.
    TimedOut(TimeoutKind),
    /// The run ended.
    Stopped,
    /// The client left on purpose.
    Left,
}

impl From<GaveUp> for Wire {
    fn from(gave_up: GaveUp) -> Self {
        match gave_up {
            GaveUp::Limit(kind) => Self::TimedOut(kind),
            GaveUp::Stopped => Self::Stopped,
            GaveUp::Left => Self::Left,
        }
    }
}

impl From<reqwest::Error> for Wire {
    fn from(error: reqwest::Error) -> Self {
        let connecting = error.is_connect();
        // A URL may hold what is nobody's business.
        of(&error.without_url(), connecting)
    }
}

/// `connecting`: it happened before there was a connection.
fn of(error: &(dyn StdError + 'static), connecting: bool) -> Wire {
    let text = chain(error);
    if connecting {
        let starved = sources(error).filter_map(<dyn StdError>::downcast_ref).any(is_starved);
        return Wire::ConnectFailed { error: text, starved };
    }
    // What comes from the connection comes by hyper; what does not is of the bytes that it brought.
    let decoding = !sources(error).any(<dyn StdError>::is::<hyper::Error>);
    for source in sources(error) {
        if let Some(io) = source.downcast_ref::<io::Error>() {
            match io.kind() {
                ErrorKind::InvalidData | ErrorKind::InvalidInput if decoding => return Wire::Garbled(text),
                ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => {
                    return Wire::Reset(text);
                }
                ErrorKind::UnexpectedEof => return Wire::Cut(text),
                _ => {}
            }
        }
        if let Some(stream) = source.downcast_ref::<h2::Error>() {
            // A stream that nobody goes on with is one that was broken off; any other reset says that something
            // went wrong.
            let cut = stream.is_reset() && stream.reason() == Some(h2::Reason::CANCEL);
            return if cut { Wire::Cut(text) } else { Wire::Reset(text) };
        }
        if let Some(http) = source.downcast_ref::<hyper::Error>() {
            if http.is_incomplete_message() {
                return Wire::Cut(text);
            }
            if http.is_parse() {
                return Wire::Garbled(text);
            }
        }
    }
    // What is left ends a connection in the middle of an exchange: TLS that broke off.
    Wire::Reset(text)
}

/// The client's own resources that a connection takes.
fn is_starved(error: &io::Error) -> bool {
    let own = [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| own.iter().any(|errno| errno.raw_os_error() == code))
}

fn sources<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// An error and its causes in one line, without those that say again what the one before said.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    for source in sources(error) {
        let more = source.to_string();
        if text.is_empty() {
            text = more;
        } else if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error with a cause, as clients wrap them.
    #[derive(Debug, thiserror::Error)]
    #[error("error sending request")]
    struct Wrapped(#[source] io::Error);

    fn wire(errno: Errno, connecting: bool) -> Wire {
        of(&Wrapped(io::Error::from_raw_os_error(errno.raw_os_error())), connecting)
    }

    #[test]
    fn a_reset_is_found_beneath_what_wraps_it() {
        assert!(
            matches!(wire(Errno::CONNRESET, false), Wire::Reset(text) if text.starts_with("error sending request: "))
        );
        assert!(matches!(wire(Errno::PIPE, false), Wire::Reset(_)));
        assert!(matches!(of(&Wrapped(ErrorKind::UnexpectedEof.into()), false), Wire::Cut(_)));
    }

    #[test]
    fn the_clients_own_want_is_told_from_a_target_that_is_not_there() {
        assert!(matches!(wire(Errno::CONNREFUSED, true), Wire::ConnectFailed { starved: false, .. }));
        assert!(matches!(wire(Errno::MFILE, true), Wire::ConnectFailed { starved: true, .. }));
        assert!(matches!(wire(Errno::ADDRNOTAVAIL, true), Wire::ConnectFailed { starved: true, .. }));
    }
}
