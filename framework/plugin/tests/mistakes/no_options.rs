stook_plugin::options! {
    /// Options of `acme/policy`.
    pub struct PolicyOptions {}
}

fn main() {}
