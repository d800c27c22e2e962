stook_plugin::options! {
    /// Options of `acme/policy`.
    pub struct PolicyOptions {
        /// How many.
        pub count: u32,
    }
}

fn main() {}
