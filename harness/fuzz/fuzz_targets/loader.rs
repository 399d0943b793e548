//! `SQUALL_FUZZ_KEEP=FILE` writes the bytes that an input stands for: such a file is a seed, too, and one
//! that the tests can read.
#![no_main]

#[path = "../checks/guest.rs"]
#[expect(dead_code, reason = "another target uses the rest")]
mod guest;
#[path = "../checks/loader.rs"]
mod loader;
#[path = "../checks/plugins.rs"]
mod plugins;

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(|input: &[u8]| -> Corpus {
    let Ok(bytes) = plugins::bytes(input) else { return Corpus::Reject };
    if let Some(path) = std::env::var_os("SQUALL_FUZZ_KEEP") {
        std::fs::write(path, &bytes).expect("written");
    }
    loader::check(&bytes);
    Corpus::Keep
});
