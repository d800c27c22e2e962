stook_plugin::options! {
    /// Options of `acme/policy`.
    pub struct PolicyOptions {
        /// How many.
        count: u32,
        patience: u32 = 3,
    }
}

fn main() {}
