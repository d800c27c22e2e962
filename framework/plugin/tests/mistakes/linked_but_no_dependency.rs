fn main() {
    let _ = stook_plugin::link_plugins!(acme_policy);
}
