//! The built-in faults that act on connections, rates and nodes, as a client sees them.

mod connections;
mod nodes;
mod pauses;
mod rates;
mod revert;
mod whole;

use squall::correlation::REQUEST_HEADER;
use squall::fault::PluginError;
use squall::name::RequestId;

use crate::support::storm::{PretendedFleet, Storm, fault, load, plan};
use crate::support::{End, Node, Parts, Result, STREAM_BODY, Seen};

const FOUR: [&str; 4] = ["one", "two", "three", "[DONE]"];

/// Asks in the name of request `id`, on a connection of its own that closes.
fn ask_as(storm: &Storm, id: u64) -> Result<Seen> {
    storm.rig.correlator.begin(RequestId(id));
    ask_again(storm, id)
}

/// Asks once more in the name of a request that has begun.
fn ask_again(storm: &Storm, id: u64) -> Result<Seen> {
    storm.rig.ask_with(&format!("{REQUEST_HEADER}: {id}\r\nconnection: close\r\n"), STREAM_BODY)
}

/// Each of these faults, with parameters that would touch every attempt or node.
pub(crate) const ALL: [(&str, &str); 16] = [
    ("bandwidth", "rate = 10"),
    ("bandwidth", "rate = 10, per = \"node\""),
    ("blackhole", ""),
    ("blackhole", "direction = \"response\""),
    ("brownout", "to = 1, errors = 1.0"),
    ("connect", "how = \"refuse\""),
    ("connect", "how = \"reset\""),
    ("crash-loop", ""),
    ("fail-first", "n = 9, per = \"node\""),
    ("flap", "period = \"20ms\""),
    ("node-kill", ""),
    ("node-pause", ""),
    ("rate-limit", "requests = 0"),
    ("rate-limit", "tokens = 0, reason = \"spend-cap\""),
    ("zombie", ""),
    ("zone-outage", ""),
];

#[test]
fn a_share_of_zero_touches_nothing_and_a_share_of_one_all() -> Result {
    let node = Node::streaming(&FOUR)?;
    for (plugin, with) in ALL {
        let line = fault(plugin, with);
        let storm = Storm::new(&node, &line.replace("nodes", "share = 0.0, nodes"))?;
        for id in 0..3 {
            storm.loaded.engine.tick();
            let seen = ask_as(&storm, id)?;
            assert_eq!((seen.status(), seen.end), (Some(200), End::Fin), "{plugin} {with}");
            assert_eq!(seen.events(), FOUR, "{plugin} {with}");
        }
        assert_eq!(storm.loaded.evidence(&storm.plan)[0].fired, 0, "{plugin} {with}");
        assert_eq!(storm.fleet.done.lock().len(), 0, "{plugin} {with}");
        assert!(!storm.loaded.engine.wants_ticks(), "{plugin} {with}");

        let storm = Storm::new(&node, &line)?;
        storm.loaded.engine.tick();
        ask_as(&storm, 0)?;
        assert_ne!(storm.loaded.evidence(&storm.plan)[0].fired, 0, "{plugin} {with}");
    }
    Ok(())
}

#[test]
fn what_makes_no_sense_is_refused_in_the_plugins_own_words() -> Result {
    for (plugin, with, words) in [
        ("bandwidth", "", "missing parameter `rate`"),
        ("bandwidth", "rate = 0", "there is `blackhole`"),
        ("bandwidth", "rate = 1, per = \"zone\"", "`zone` is none of `connection`, `node`"),
        ("blackhole", "direction = \"up\"", "`up` is none of"),
        ("brownout", "to = 4", "say what grows"),
        ("brownout", "to = \"4s\", errors = 0.1", "the curve of load is in attempts in flight"),
        ("brownout", "to = 4, curve = \"time\", errors = 0.1", "the curve of time is in time"),
        ("brownout", "to = 4, from = 4, errors = 0.1", "`to` must lie beyond `from`"),
        ("brownout", "to = 4, errors = 1.5", "a share, 0 to 1, not 1.5"),
        ("brownout", "to = 4, errors = 0.5, status = 200", "400 to 599"),
        ("connect", "", "missing parameter `how`"),
        ("connect", "how = \"delay\"", "needs to know how long"),
        ("connect", "how = \"hang\", delay = \"1s\"", "only with how = \"delay\""),
        ("crash-loop", "times = 0", "`times` must be above 0"),
        ("crash-loop", "growth = 0.5", "`growth` must be 1 or more, not 0.5"),
        ("fail-first", "n = 0", "nothing ever fails"),
        ("fail-first", "status = 200", "400 to 599, not 200"),
        ("flap", "", "missing parameter `period`"),
        ("flap", "period = \"0s\"", "`period` must be above 0"),
        ("flap", "period = \"1s\", duty = 1.0", "above 0 and below 1, not 1"),
        ("node-pause", "for = \"0s\"", "leave it out to pause until"),
        ("node-pause", "until = \"1s\"", "expected one of `for`"),
        ("rate-limit", "", "say how much"),
        ("rate-limit", "requests = 1, per = \"0s\"", "`per` must be above 0"),
        ("rate-limit", "requests = 1, retry_after = \"soon\"", "`soon` is none of"),
        ("rate-limit", "requests = 1, reason = \"spend-cap\", retry_after = \"date\"", "never fills again"),
        ("zombie", "paths = [\"health\"]", "\"/health\""),
        ("zone-outage", "zone = \"z9\"", "no node of this fault is in zone \"z9\""),
    ] {
        let plan = plan(&fault(plugin, with))?;
        let refused = load(&plan, &Parts::new(), &PretendedFleet::new());
        let error = refused.err().ok_or_else(|| format!("{plugin} takes {with}"))?;
        assert!(matches!(error, PluginError::Parameters { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(words) && text.contains(plugin), "{plugin} {with}: {text}");
    }
    Ok(())
}
