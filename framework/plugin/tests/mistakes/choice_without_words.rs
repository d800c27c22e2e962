stook_plugin::choice! {
    /// How it goes.
    pub enum Mode {
        /// At once.
        Fast,
        /// By and by.
        Slow,
    }
}

fn main() {}
