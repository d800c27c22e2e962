//! Takes released sets somewhere.

use std::fs::File;
use std::io::Write;

use stook_plugin::{
    AggregatedResult, BuildContext, BuildError, Plugin, Sink, SinkError, options, register,
};

options! {
    /// Its options.
    pub struct PolicyOptions {
        /// The file to append to.
        path: String = "released.txt".to_owned(),
    }
}

/// Takes released sets somewhere.
pub struct Policy {
    options: PolicyOptions,
    /// What is not written yet.
    lines: String,
}

impl Plugin for Policy {
    const NAME: &'static str = "VENDOR/PLUGIN";
    const DOCS: &'static str = "Appends a line for each released set to the file `path`.";
    type Options = PolicyOptions;

    fn build(options: PolicyOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self {
            options,
            lines: String::new(),
        })
    }
}

impl Sink for Policy {
    fn deliver(&mut self, result: &AggregatedResult) -> Result<(), SinkError> {
        let AggregatedResult {
            emission_id,
            aggregate,
            outcome,
            reason,
            ..
        } = result;
        self.lines += &format!("{emission_id} {aggregate} {outcome} ({reason})\n");
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        // What is not written now is delivered again, so that nothing may be left of it.
        let lines = std::mem::take(&mut self.lines);
        let mut file = File::options()
            .append(true)
            .create(true)
            .open(&self.options.path)?;
        file.write_all(lines.as_bytes())?;
        Ok(())
    }
}

register!(sink: Policy);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;

    #[test]
    fn keeps_its_promises() {
        conformance::plugin::<Policy>(&[]);
        let file = std::env::temp_dir().join(format!("CRATE-{}.txt", std::process::id()));
        let path = file.to_str().unwrap().to_owned();
        let arrived = |result: &AggregatedResult| {
            std::fs::read_to_string(&path)
                .unwrap()
                .matches(&result.emission_id.to_string())
                .count()
        };
        let options = || PolicyOptions { path: path.clone() };
        conformance::sink(
            || Policy {
                options: options(),
                lines: String::new(),
            },
            arrived,
        );
        std::fs::remove_file(file).unwrap();
    }
}
