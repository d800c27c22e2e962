//! Takes released sets somewhere.

use std::fs::File;
use std::io::Write;

use stook_plugin::{
    AggregatedResult, BuildContext, BuildError, Plugin, Sink, SinkError, options, register,
};

options! {
    /// Its options.
    pub struct TYPEOptions {
        /// The file to append to.
        path: String = "released.txt".to_owned(),
    }
}

/// Takes released sets somewhere.
pub struct TYPE {
    options: TYPEOptions,
    /// What is not written yet.
    lines: String,
}

impl Plugin for TYPE {
    const NAME: &'static str = "VENDOR/PLUGIN";
    const DOCS: &'static str = "Appends a line for each released set to the file `path`.";
    type Options = TYPEOptions;

    fn build(options: TYPEOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self {
            options,
            lines: String::new(),
        })
    }
}

impl Sink for TYPE {
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

register!(sink: TYPE);

#[cfg(test)]
mod tests {
    use stook_plugin::conformance;

    use super::*;

    #[test]
    fn keeps_its_promises() {
        conformance::plugin::<TYPE>(&[]);
        let place = std::env::temp_dir().join(format!("VENDOR-PLUGIN-{}", std::process::id()));
        let elsewhere = place.with_extension("elsewhere");
        std::fs::create_dir(&place).unwrap();
        let path = place.join("released.txt").to_str().unwrap().to_owned();
        let arrived = |result: &AggregatedResult| {
            std::fs::read_to_string(&path)
                .unwrap()
                .matches(&result.emission_id.to_string())
                .count()
        };
        // Nothing can be written to a directory that is not there.
        let works = |works| match works {
            true => std::fs::rename(&elsewhere, &place).unwrap(),
            false => std::fs::rename(&place, &elsewhere).unwrap(),
        };
        let options = || TYPEOptions { path: path.clone() };
        let make = || TYPE {
            options: options(),
            lines: String::new(),
        };
        conformance::sink_of(make, arrived, works);
        std::fs::remove_dir_all(place).unwrap();
    }
}
