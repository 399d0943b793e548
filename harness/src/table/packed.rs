//! Rows as bytes: every row of a type has the same size, so that the place of each is known.
//!
//! Formats of libraries either have sizes that differ (postcard, borsh), or know no `Option` and no enum
//! (zerocopy, bytemuck). These bytes are read by the process that wrote them, and by nobody else.
//!
//! A verdict reads rows dozens of times: everything is inlined into one reading of a row, so that its length is looked
//! at once.
#![expect(clippy::inline_always, reason = "otherwise a row may take three times as long")]

use std::time::Duration;

use crate::clock::Nanos;
use crate::name::{AttemptId, RequestId};

const NANOS_A_SECOND: u32 = 1_000_000_000;

/// A value that is [`Self::SIZE`] bytes in a file, and all zeros are one too.
pub trait Packed: Copy {
    /// Bytes.
    const SIZE: usize;
    /// Adds its bytes.
    fn pack(&self, to: &mut Vec<u8>);
    /// Takes its bytes off the front; none where they are no such value.
    fn unpack(from: &mut &[u8]) -> Option<Self>;
}

/// Of the field that is shown.
pub(crate) const fn size_of_field<R, F: Packed>(_: fn(&R) -> &F) -> usize {
    F::SIZE
}

/// Packs a struct: all of its fields, in this order. One that is missing does not compile.
macro_rules! packed {
    ($row:ident { $($field:ident),* $(,)? }) => {
        impl $crate::table::Packed for $row {
            const SIZE: usize = 0 $(+ $crate::table::size_of_field(|row: &Self| &row.$field))*;
            #[inline(always)]
            fn pack(&self, to: &mut Vec<u8>) {
                $($crate::table::Packed::pack(&self.$field, to);)*
            }
            #[inline(always)]
            fn unpack(from: &mut &[u8]) -> Option<Self> {
                Some(Self { $($field: $crate::table::Packed::unpack(from)?),* })
            }
        }
    };
}
pub(crate) use packed;

/// Packs an enum without fields: all of its variants. One that is missing does not compile.
macro_rules! packed_enum {
    ($name:ident { $($variant:ident),* $(,)? }) => {
        impl $crate::table::Packed for $name {
            const SIZE: usize = 1;
            #[inline(always)]
            fn pack(&self, to: &mut Vec<u8>) {
                to.push(match self { $(Self::$variant)|* => *self as u8 });
            }
            #[inline(always)]
            fn unpack(from: &mut &[u8]) -> Option<Self> {
                match u8::unpack(from)? {
                    $(tag if tag == Self::$variant as u8 => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}
pub(crate) use packed_enum;

macro_rules! packed_numbers {
    ($($number:ty),*) => {$(
        impl Packed for $number {
            const SIZE: usize = size_of::<Self>();
            #[inline(always)]
            fn pack(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }
            #[inline(always)]
            fn unpack(from: &mut &[u8]) -> Option<Self> {
                let (bytes, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(Self::from_le_bytes(*bytes))
            }
        }
    )*};
}
packed_numbers!(u8, u16, u32, u64, f64);

macro_rules! packed_newtypes {
    ($($name:ident),*) => {$(
        impl Packed for $name {
            const SIZE: usize = u64::SIZE;
            #[inline(always)]
            fn pack(&self, to: &mut Vec<u8>) {
                self.0.pack(to);
            }
            #[inline(always)]
            fn unpack(from: &mut &[u8]) -> Option<Self> {
                u64::unpack(from).map(Self)
            }
        }
    )*};
}
packed_newtypes!(Nanos, RequestId, AttemptId);

impl Packed for bool {
    const SIZE: usize = 1;
    #[inline(always)]
    fn pack(&self, to: &mut Vec<u8>) {
        to.push(u8::from(*self));
    }
    #[inline(always)]
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        u8::unpack(from).map(|byte| byte != 0)
    }
}

impl Packed for Duration {
    const SIZE: usize = u64::SIZE + u32::SIZE;
    #[inline(always)]
    fn pack(&self, to: &mut Vec<u8>) {
        self.as_secs().pack(to);
        self.subsec_nanos().pack(to);
    }
    #[inline(always)]
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        let (seconds, nanos) = (u64::unpack(from)?, u32::unpack(from)?);
        (nanos < NANOS_A_SECOND).then(|| Self::new(seconds, nanos))
    }
}

impl<T: Packed> Packed for Option<T> {
    const SIZE: usize = bool::SIZE + T::SIZE;
    #[inline(always)]
    fn pack(&self, to: &mut Vec<u8>) {
        self.is_some().pack(to);
        match self {
            Some(value) => value.pack(to),
            None => to.resize(to.len() + T::SIZE, 0),
        }
    }
    #[inline(always)]
    fn unpack(from: &mut &[u8]) -> Option<Self> {
        // A branch for each of a row's options would take longer than all of its values.
        let is_some = bool::unpack(from)?;
        let value = T::unpack(from)?;
        Some(is_some.then_some(value))
    }
}
