//! Says when two results are the same.

use std::hash::{DefaultHasher, Hash, Hasher};

use stook_plugin::types::{DecodeError, Value};
use stook_plugin::{
    BuildContext, BuildError, Contribution, DedupMemory, DedupStrategy, Identity, Plugin, options,
    register,
};

options! {
    /// Its options.
    pub struct TYPEOptions {
        /// The field that makes them the same.
        field: String = "id".to_owned(),
    }
}

/// Says when two results are the same.
pub struct TYPE {
    options: TYPEOptions,
    seed: u128,
}

impl Plugin for TYPE {
    const NAME: &'static str = "VENDOR/PLUGIN";
    const DOCS: &'static str =
        "Two results of a set are the same if `field` is; without one they never are.";
    type Options = TYPEOptions;

    fn build(options: TYPEOptions, context: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self {
            options,
            seed: context.seed,
        })
    }
}

impl DedupStrategy for TYPE {
    fn identity(&self, result: &Contribution) -> Result<Option<Identity>, DecodeError> {
        let value = result.payload.decode()?;
        Ok(value
            .at(&[&self.options.field])
            .map(|value| self.hash(value)))
    }

    fn memory(&self) -> DedupMemory {
        DedupMemory::of_set()
    }
}

impl TYPE {
    /// Where payloads may be hostile take a hash with a key of 128 bits, like SipHash: this one is as good as its seed.
    fn hash(&self, value: &Value) -> Identity {
        let half = |which: u8| {
            let mut hasher = DefaultHasher::new();
            (self.seed, which, value).hash(&mut hasher);
            u128::from(hasher.finish())
        };
        Identity(half(0) << 64 | half(1))
    }
}

register!(dedup: TYPE);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;

    #[test]
    fn keeps_its_promises() {
        let options = || TYPEOptions {
            field: "n".to_owned(),
        };
        conformance::plugin::<TYPE>(&[]);
        conformance::dedup_of(
            || TYPE {
                options: options(),
                seed: 7,
            },
            |value| value.at(&["n"]).cloned(),
        );
    }
}
