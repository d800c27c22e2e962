//! `consumer`: the sink that is another process. Here is what config sees of it; what it does is in `delivery` and
//! `session`.

use stook_plugin::{
    AggregatedResult, BuildContext, BuildError, NoOptions, Plugin, Sink, SinkError, register,
};

/// The sink plugin `consumer`: another process connects, takes the released sets, and acknowledges them. For hosts that
/// name their plugins one by one: `.with(Registration::sink::<stook::ConsumerSink>("stook"))`.
#[derive(Debug)]
pub struct ConsumerSink(());

impl Plugin for ConsumerSink {
    const NAME: &'static str = "consumer";
    const DOCS: &'static str = "Gives each released set to another process, which connects to the host and subscribes by the sink's \
        name, one at a time. A set counts as delivered when that process has acknowledged it, and comes again until then. While \
        nobody is connected, or it is slow, the producers of its aggregates are slowed down.";
    type Options = NoOptions;

    fn build(_: NoOptions, _: &BuildContext) -> Result<Self, BuildError> {
        Ok(Self(()))
    }
}

/// A host does not call it: it hands the sets to whoever has subscribed.
impl Sink for ConsumerSink {
    fn deliver(&mut self, _: &AggregatedResult) -> Result<(), SinkError> {
        Err(SinkError::new("its consumer connects to a host, and this is none"))
    }
}

register!(sink: ConsumerSink);

#[cfg(test)]
#[test]
fn it_is_a_plugin_like_others() {
    stook_plugin::conformance::plugin::<ConsumerSink>(&[]);
}
