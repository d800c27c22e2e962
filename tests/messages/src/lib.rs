//! Snapshots of what users read: every error, refusal, warning and line of the log, as it looks.
//!
//! They are files beside the tests that compare them, to be read like a page. After a change `UPDATE_EXPECT=1 cargo test`
//! writes them anew; whoever reviews it sees what users will read. Nothing in them may differ from run to run: a test
//! that cannot avoid a path or a number says [`redacted`].

mod source;

use std::fmt::Debug;

pub use expect_test::{ExpectFile, expect_file};
pub use source::{Pages, Source, sources};

/// One sample or more of each variant of an error, a line for each. A new variant does not compile until it is here.
///
/// ```
/// enum Wrong { Small(u32), Large }
/// # impl std::fmt::Display for Wrong {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
/// #         match self { Self::Small(n) => write!(f, "{n} is too small"), Self::Large => f.write_str("too large") }
/// #     }
/// # }
/// let text = stook_messages::every!(Wrong {
///     Wrong::Small(_) => Wrong::Small(1), Wrong::Small(2);
///     Wrong::Large => Wrong::Large;
/// });
/// assert_eq!(text, "Wrong\n  Small  1 is too small\n  Small  2 is too small\n  Large  too large\n\n");
/// ```
#[macro_export]
macro_rules! every {
    ($enum:ident { $($pattern:pat => $($sample:expr),+;)+ }) => {{
        let exhaustive = |sample: &$enum| match sample { $($pattern => {})+ };
        let samples: ::std::vec::Vec<(&str, ::std::string::String)> = ::std::vec![$($({
            let sample: $enum = $sample;
            exhaustive(&sample);
            ::core::assert!(::core::matches!(&sample, $pattern), "a sample of another variant: {sample}");
            (::core::stringify!($pattern), ::std::string::ToString::to_string(&sample))
        }),+),+];
        $crate::page(::core::stringify!($enum), &samples)
    }};
}

/// The [`sources`] of the crate that asks.
#[macro_export]
macro_rules! own_sources {
    () => {
        $crate::sources(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/src").as_ref())
    };
}

/// A title, and a line for each sample behind its name, which may be a pattern.
pub fn page(title: &str, samples: &[(&str, String)]) -> String {
    let name = |pattern: &str| {
        let path = pattern.split(|c: char| !(c.is_alphanumeric() || "_:-".contains(c))).next();
        path.and_then(|path| path.rsplit("::").next()).unwrap_or_default().to_owned()
    };
    let width = samples.iter().map(|(pattern, _)| name(pattern).len()).max().unwrap_or(0);
    let mut page = format!("{title}\n");
    for (pattern, text) in samples {
        let indented = text.replace('\n', &format!("\n{:width$}    ", ""));
        page += &format!("  {:width$}  {indented}\n", name(pattern));
    }
    page + "\n"
}

/// The same for an enum of another crate that may get more variants, by its source as rustfmt writes it: those that it
/// has there are all among the samples. `text` says what is read of one.
///
/// # Panics
/// If one is not.
pub fn every_of<E: Debug>(source: &str, name: &str, samples: &[E], text: impl Fn(&E) -> String) -> String {
    let (_, from) = source.split_once(&format!("pub enum {name} {{\n")).expect("the enum is in this source");
    let lines = from.lines().take_while(|line| *line != "}").filter_map(|line| line.strip_prefix("    "));
    let variants = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    let named: Vec<_> = samples.iter().map(|sample| (format!("{sample:?}"), text(sample))).collect();
    let named: Vec<_> = named.iter().map(|(debug, text)| (word(debug), text.clone())).collect();
    for variant in variants.map(word) {
        assert!(named.iter().any(|(name, _)| *name == variant), "no sample of {name}::{variant}");
    }
    page(name, &named)
}

fn word(line: &str) -> &str {
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
}

/// The text, with each of these words replaced by what stands for it.
pub fn redacted(text: &str, words: &[(&str, &str)]) -> String {
    words.iter().fold(text.to_owned(), |text, (word, name)| text.replace(word, name))
}
