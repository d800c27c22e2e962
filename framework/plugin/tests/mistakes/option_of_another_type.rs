stook_plugin::options! {
    /// Options of `acme/policy`.
    pub struct PolicyOptions {
        /// Where it is.
        path: std::path::PathBuf,
    }
}

fn main() {}
