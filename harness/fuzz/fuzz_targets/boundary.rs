#![no_main]

#[path = "../checks/boundary.rs"]
mod boundary;
#[path = "../checks/guest.rs"]
#[expect(dead_code, reason = "another target uses the rest")]
mod guest;
#[path = "../checks/image.rs"]
mod image;

libfuzzer_sys::fuzz_target!(|input: &[u8]| boundary::check(input));
