//! Durations and sizes as people write them in config: `"250ms"`, `"16MiB"`.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A span of time, written as a number and a unit: `"250ms"`, `"1.5s"`, `"5m"`, `"1h"`. One that is written is a century
/// at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// A number of bytes, written as a number and a unit: `"64KiB"`, `"16MiB"`, `"1MB"`, or as a bare integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Nobody waits longer, and clocks overflow.
const CENTURY: Duration = Duration::from_secs(36_525 * 86_400);

const SPANS: &[(&str, f64)] =
    &[("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Past it a float is no longer a whole number of bytes.
const LARGEST: f64 = 9_007_199_254_740_992.0;

/// The units in which sizes are written, largest first.
const WRITTEN: [(u64, &str); 5] =
    [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "B")];

// === impl Span ===

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad =
            || format!("`{text}` is no duration; write a number and a unit, like \"250ms\", \"30s\", \"5m\"");
        let (number, unit) = split(text).ok_or_else(bad)?;
        let (_, seconds) = SPANS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        let too_long = || format!("`{text}` is more than a century; write \"36525d\" at most");
        let span = Duration::try_from_secs_f64(number * seconds);
        span.ok().filter(|span| *span <= CENTURY).map(Self).ok_or_else(too_long)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let units: [(u128, &str); 6] = [
            (3_600_000_000_000, "h"),
            (60_000_000_000, "m"),
            (1_000_000_000, "s"),
            (1_000_000, "ms"),
            (1_000, "us"),
            (1, "ns"),
        ];
        if nanos == 0 {
            return f.write_str("0s");
        }
        let (size, unit) =
            units.into_iter().find(|(size, _)| nanos.is_multiple_of(*size)).unwrap_or((1, "ns"));
        write!(f, "{}{unit}", nanos / size)
    }
}

// === impl ByteSize ===

impl ByteSize {
    /// The size as an index type; saturates where addresses are narrower.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// As people say it: in the largest unit of which there is one, with one decimal where that is not exact. What is
    /// read again is written by `Display`, which is always exact.
    pub fn rounded(self) -> String {
        let (size, unit) = WRITTEN.into_iter().find(|(size, _)| self.0 >= *size).unwrap_or((1, "B"));
        if self.0.is_multiple_of(size) {
            return format!("{}{unit}", self.0 / size);
        }
        let tenths = (u128::from(self.0) * 10 + u128::from(size / 2)) / u128::from(size);
        format!("{}.{}{unit}", tenths / 10, tenths % 10)
    }
}

impl std::str::FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad =
            || format!("`{text}` is no size; write a number and a unit, like \"64KiB\", \"16MiB\", \"1GiB\"");
        let (number, unit) = split(text).ok_or_else(bad)?;
        let (_, bytes) = SIZES.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?;
        let size = number * *bytes as f64;
        if size >= LARGEST {
            return Err(format!("`{text}` is too large; write less than \"8192TiB\""));
        }
        if size.fract() == 0.0 { Ok(Self(size as u64)) } else { Err(bad()) }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(size, _): &(u64, &str)| self.0 > 0 && self.0.is_multiple_of(*size);
        let (size, unit) = WRITTEN.into_iter().find(fits).unwrap_or((1, "B"));
        write!(f, "{}{unit}", self.0 / size)
    }
}

fn split(text: &str) -> Option<(f64, &str)> {
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(unit);
    Some((number.parse().ok()?, unit.trim_start()))
}

// === serde ===

struct Text<T>(&'static str, std::marker::PhantomData<T>);

impl<T: std::str::FromStr<Err = String> + FromBytes> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        T::from_bytes(number).ok_or_else(|| E::invalid_type(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        let size = u64::try_from(number).ok().and_then(T::from_bytes);
        size.ok_or_else(|| E::invalid_type(de::Unexpected::Signed(number), &self))
    }
}

/// Whether a bare integer means something: bytes yes, a span without a unit no.
trait FromBytes: Sized {
    fn from_bytes(number: u64) -> Option<Self>;
}

impl FromBytes for Span {
    fn from_bytes(_: u64) -> Option<Self> {
        None
    }
}

impl FromBytes for ByteSize {
    fn from_bytes(number: u64) -> Option<Self> {
        Some(Self(number))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Text("a duration like \"250ms\", \"30s\" or \"5m\"", std::marker::PhantomData))
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Text("a size like \"64KiB\" or \"16MiB\"", std::marker::PhantomData))
    }
}

macro_rules! serialize_as_text {
    ($($name:ty),+) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
    )+};
}
serialize_as_text!(Span, ByteSize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_round_trip() {
        for text in ["250ms", "30s", "5m", "1h", "48h", "1us", "7ns", "0s"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("1.5s".parse::<Span>().unwrap().to_string(), "1500ms");
        for bad in ["", "5", "s", "-1s", "5 parsecs", "1e400s", "1..5s"] {
            assert!(bad.parse::<Span>().unwrap_err().contains("is no duration"), "{bad}");
        }
    }

    #[test]
    fn a_span_is_a_century_at_most() {
        assert_eq!("36525d".parse::<Span>().unwrap().to_string(), "876600h");
        for long in ["36525.1d", "9000000000000000000s", "99999999999999999999999d"] {
            let says = format!("`{long}` is more than a century; write \"36525d\" at most");
            assert_eq!(long.parse::<Span>().unwrap_err(), says);
        }
    }

    #[test]
    fn sizes_round_trip() {
        for text in ["64KiB", "16MiB", "1GiB", "3TiB", "1025GiB", "10B", "0B"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
        assert_eq!(serde_json::from_str::<ByteSize>("1000").unwrap(), ByteSize(1000));
        assert_eq!("2TB".parse::<ByteSize>(), Ok(ByteSize(2_000_000_000_000)));
        let too_large = "`99999999999TiB` is too large; write less than \"8192TiB\"";
        assert_eq!("99999999999TiB".parse::<ByteSize>().unwrap_err(), too_large);
        assert!("8192TiB".parse::<ByteSize>().is_err() && "8191TiB".parse::<ByteSize>().is_ok());
        for bad in ["", "MiB", "0.3B", "1TiBs", "-1B"] {
            assert!(bad.parse::<ByteSize>().is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<ByteSize>("-1").is_err());
        assert!(serde_json::from_str::<Span>("30").unwrap_err().to_string().contains("a duration like"));
    }

    #[test]
    fn people_read_the_largest_unit() {
        let check = |size: u64, text: &str| assert_eq!(ByteSize(size).rounded(), text);
        check(0, "0B");
        check(1_023, "1023B");
        check(1_100, "1.1KiB");
        check(26 << 20, "26MiB");
        check(1_600_000 << 20, "1.5TiB");
        check((10 << 20) + 1, "10.0MiB");
        check(u64::MAX, "16777216.0TiB");
    }
}
