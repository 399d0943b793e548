//! When requests are sent: arrivals, spikes, loads of phases, users.

use insta::assert_snapshot;

use crate::scenario::{mistakes, with};

/// The mistakes of a scenario with this load, without its last line.
fn of(load: &str) -> String {
    let shown = mistakes(&with("arrivals = { poisson = \"40/s\" }", load));
    shown.rsplit_once("\n\n").map_or(shown.clone(), |(mistakes, _)| mistakes.to_owned())
}

/// The titles alone.
fn titles(load: &str) -> Vec<String> {
    of(load).lines().filter_map(|line| line.strip_prefix("error: ").map(str::to_owned)).collect()
}

#[test]
fn a_rate_that_is_neither_text_nor_table() {
    assert_snapshot!(of("arrivals = { poisson = 40 }"), @r#"
    error: `poisson` must be a string or a table, not the integer 40
      --> s.toml:17:24
       |
    17 | arrivals = { poisson = 40 }
       |                        ^^ expected a string or a table
       |
       = help: for example `poisson = "40/s"`
    "#);
}

#[test]
fn an_unknown_key_of_a_rate_is_named_with_the_nearest() {
    assert_snapshot!(of("arrivals = { poisson = { form = \"1/s\", to = \"9/s\", over = \"5s\" } }"), @r#"
    error: unknown key `form` in the rate
      --> s.toml:17:26
       |
    17 | arrivals = { poisson = { form = "1/s", to = "9/s", over = "5s" } }
       |                          ^^^^ did you mean `from`?
    "#);
}

#[test]
fn half_a_ramp() {
    assert_snapshot!(of("arrivals = { poisson = { from = \"5/s\", to = \"60/s\" } }"), @r#"
    error: a ramp has `from`, `to` and `over`
      --> s.toml:17:24
       |
    17 | arrivals = { poisson = { from = "5/s", to = "60/s" } }
       |                        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ not all of them are here
       |
       = help: write, for example, `from = "5/s", to = "60/s", over = "5m"`
    "#);
}

#[test]
fn gamma_without_a_variation_and_a_variation_without_gamma() {
    assert_snapshot!(of("arrivals = { gamma = \"40/s\" }"), @r#"
    error: `gamma` arrivals need `cv`: how much the gaps between them vary
      --> s.toml:17:22
       |
    17 | arrivals = { gamma = "40/s" }
       |                      ^^^^^^ `cv` is missing beside this
       |
       = help: add, for example, `cv = 3.0`; 1 is Poisson, more comes in clusters
    "#);
    assert_snapshot!(of("arrivals = { poisson = \"40/s\", cv = 3 }"), @r#"
    error: `cv` says how `gamma` arrivals vary, and these are not
      --> s.toml:17:37
       |
    17 | arrivals = { poisson = "40/s", cv = 3 }
       |                                     ^ this would count for nothing
       |
       = help: take it away, or write `gamma = "40/s"`
    "#);
    assert_eq!(
        titles("arrivals = { gamma = \"40/s\", cv = 0 }"),
        ["`cv` must be more than 0 and at most 20"]
    );
}

#[test]
fn steps_that_end_too_early_or_come_too_late() {
    let steps = "arrivals = { poisson = { steps = [{ rate = \"5/s\" }, { rate = \"9/s\", for = \"5s\" }] } }";
    assert_snapshot!(of(steps), @r#"
    error: only the last step lasts to the run's end
      --> s.toml:17:35
       |
    17 | arrivals = { poisson = { steps = [{ rate = "5/s" }, { rate = "9/s", for = "5s" }] } }
       |                                   ^^^^^^^^^^^^^^^^ `for` is missing here
       |
       = help: add, for example, `for = "30s"`
    "#);
    let steps =
        "arrivals = { poisson = { steps = [{ rate = \"5/s\", for = \"30s\" }, { rate = \"9/s\" }] } }";
    assert_snapshot!(of(steps), @r#"
    error: this step would begin after the run has ended
      --> s.toml:17:66
       |
    17 | arrivals = { poisson = { steps = [{ rate = "5/s", for = "30s" }, { rate = "9/s" }] } }
       |                                                                  ^^^^^^^^^^^^^^^^ the run lasts 30s
       |
       = help: shorten the steps before it, lengthen the phases, or take it away
    "#);
    assert_eq!(titles("arrivals = { poisson = { steps = [] } }"), ["`steps` has no step"]);
}

#[test]
fn rates_at_which_nothing_would_ever_arrive() {
    for silence in [
        "poisson = { steps = [{ rate = \"0/s\" }] }",
        "constant = { from = \"0/s\", to = \"0/s\", over = \"5s\" }",
    ] {
        assert_eq!(titles(&format!("arrivals = {{ {silence} }}")), ["nothing would ever arrive"]);
    }
    let bursts = "bursts = { low = \"0/s\", high = \"0/s\", low_for = \"5s\", high_for = \"5s\" }";
    assert_eq!(titles(&format!("arrivals = {{ {bursts} }}")), ["`high` can't be understood"]);
}

#[test]
fn bursts_the_wrong_way_round_or_too_short() {
    let bursts =
        "arrivals = { bursts = { low = \"80/s\", high = \"10/s\", low_for = \"5s\", high_for = \"1us\" } }";
    assert_snapshot!(of(bursts), @r#"
    error: a burst's rate is the higher one
      --> s.toml:17:31
       |
    17 | arrivals = { bursts = { low = "80/s", high = "10/s", low_for = "5s", high_for = "1us" } }
       |                               ^^^^^^         ------ `high`
       |                               |
       |                               `low` is more than `high`
       |
       = help: exchange them, and `low_for` and `high_for` too

    error: `high_for` must be 1ms or more
      --> s.toml:17:81
       |
    17 | arrivals = { bursts = { low = "80/s", high = "10/s", low_for = "5s", high_for = "1us" } }
       |                                                                                 ^^^^^ this is too short to be seen
    "#);
}

#[test]
fn a_daily_curve_with_no_time_of_day() {
    let daily = "arrivals = { poisson = { daily = { mean = \"9/s\", swing = \"120%\", peak_at = \"24:00\", day = \"5ms\" } } }";
    assert_snapshot!(of(daily), @r#"
    error: `swing` can't be understood
      --> s.toml:17:58
       |
    17 | ... = "9/s", swing = "120%", peak_at = "24:00", day = "5ms" } } }
       |                      ^^^^^^ expected a share from 0 to 1, or a percentage
       |
       = help: write it as `0.3` or `"30%"`

    error: `peak_at` can't be understood
      --> s.toml:17:76
       |
    17 | ...", swing = "120%", peak_at = "24:00", day = "5ms" } } }
       |                                 ^^^^^^^ expected a time of day
       |
       = help: write it as `"14:30"`, from 00:00 to 23:59

    error: `day` must be 1s or more
      --> s.toml:17:91
       |
    17 | ..., peak_at = "24:00", day = "5ms" } } }
       |                               ^^^^^ this is too short to be seen
    "#);
}

#[test]
fn spikes_after_the_end_or_on_users() {
    let spikes = "spikes = [{ at = \"30s\", for = \"5s\", rate = \"200/s\" }]";
    assert_snapshot!(of(&format!("arrivals = {{ poisson = \"40/s\" }}\n{spikes}")), @r#"
    error: the spike would begin after the run has ended
      --> s.toml:18:18
       |
    18 | spikes = [{ at = "30s", for = "5s", rate = "200/s" }]
       |                  ^^^^^ the run lasts 30s
       |
       = help: `at` counts from the run's start; choose a smaller one, or lengthen the phases
    "#);
    let spikes = "spikes = [{ at = \"3s\", for = \"5s\", rate = \"200/s\" }]";
    assert_snapshot!(of(&format!("users = {{ count = 5 }}\n{spikes}")), @r#"
    error: `spikes` come on top of a `trace` or of `arrivals`, not of `users`
      --> s.toml:18:10
       |
    18 | spikes = [{ at = "3s", for = "5s", rate = "200/s" }]
       |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ users send when they have their answer
       |
       = help: let more of them come for a time: `users = { steps = [{ count = 10, for = "30s" }, …] }`
    "#);
}

#[test]
fn loads_of_phases_without_arrivals() {
    let text = with("arrivals = { poisson = \"40/s\" }", "users = { count = 5 }")
        .replace("duration = \"10s\"", "duration = \"10s\"\nload = 2.0");
    assert_snapshot!(mistakes(&text), @r#"
    error: `load` multiplies the rate of `arrivals`, and [traffic] has none
      --> s.toml:26:8
       |
    26 | load = 2.0
       |        ^^^ this would count for nothing
       |
       = help: change the number of users instead: `users = { steps = [{ count = 10, for = "30s" }, …] }`

    s.toml: 1 mistake, nothing was run
    "#);
    let text = with("duration = \"10s\"", "duration = \"10s\"\nload = -1");
    assert!(mistakes(&text).contains("`load` must be from 0 to 1000"), "{}", mistakes(&text));
}

#[test]
fn users_without_a_number_or_with_two() {
    assert_snapshot!(of("users = { think = \"1s\" }"), @r#"
    error: users lacks one of `count` and `steps`
      --> s.toml:17:9
       |
    17 | users = { think = "1s" }
       |         ^^^^^^^^^^^^^^^^ exactly one of `count` and `steps` belongs here
       |
       = help: add, for example, `count = 20`
    "#);
    assert_snapshot!(of("users = { count = 5, ramp = \"5s\", steps = [{ count = 5 }] }"), @r#"
    error: users has `count` and `steps`, but only one of them counts
      --> s.toml:17:19
       |
    17 | users = { count = 5, ramp = "5s", steps = [{ count = 5 }] }
       |                   ^ keep this one         --------------- or this one
       |
       = help: keep one of `count` and `steps`

    error: each of the `steps` has a `ramp` of its own
      --> s.toml:17:29
       |
    17 | users = { count = 5, ramp = "5s", steps = [{ count = 5 }] }
       |                             ^^^^ this would count for nothing
       |
       = help: write it into the step: `{ count = 20, ramp = "10s", for = "30s" }`
    "#);
    assert_eq!(titles("users = { steps = [{ count = 0 }] }"), ["there would never be a user"]);
    assert_eq!(titles("users = { count = 5, turns = 0 }"), ["`turns` must be 1 or more"]);
    assert_eq!(titles("users = { count = 5, turns = 9999 }"), ["`turns` must be 1000 or less"]);
    assert_eq!(titles("users = { count = 2000000 }"), ["`count` must be 1000000 or less"]);
    assert_snapshot!(of("users = { count = 5, think = \"normal(1s, 2s)\" }"), @r#"
    error: `think` can't be understood
      --> s.toml:17:30
       |
    17 | users = { count = 5, think = "normal(1s, 2s)" }
       |                              ^^^^^^^^^^^^^^^^ `normal` is not a distribution that is known here
       |
       = help: write `"2s"`, `"exponential(2s)"` with its mean, `"uniform(1s, 5s)"`, or `"lognormal(3s, 2s)"` with mean and standard deviation
    "#);
}
