use stook_plugin::{CompletionPolicy, Decision, SetView};

struct Policy;

impl CompletionPolicy for Policy {
    fn decide(&self, _: &SetView<'_>) -> Decision {
        Decision::Pending
    }
}

stook_plugin::register!(completion: Policy);

fn main() {}
