//! Who may do what in most tests, and small readers of what commands print.

use std::collections::BTreeMap;

use serde_json::Value;

/// Workspace 1 with tenant 4. User 7 is its operator, user 8 a mere viewer.
pub(crate) const AUTHORITY: &str = r#"
{"change":"define_role","role":"member","capabilities":[],"all_tenants":false}
{"change":"define_role","role":"operator","capabilities":["inventory.sync","restore.execute"],"all_tenants":false}
{"change":"define_role","role":"viewer","capabilities":[],"all_tenants":false}
{"change":"set_workspace","workspace":"1","active":true}
{"change":"set_tenant","tenant":"4","workspace":"1","lifecycle":"active"}
{"change":"grant","user":"7","workspace":"1","role":"member"}
{"change":"grant","user":"7","workspace":"1","tenant":"4","role":"operator"}
{"change":"grant","user":"8","workspace":"1","role":"member"}
{"change":"grant","user":"8","workspace":"1","tenant":"4","role":"viewer"}
"#;

/// The same in workspace 2, with tenant 5.
pub(crate) fn authority_elsewhere() -> String {
    AUTHORITY
        .replace(r#""workspace":"1""#, r#""workspace":"2""#)
        .replace(r#""tenant":"4""#, r#""tenant":"5""#)
}

/// The `id` of each object.
pub(crate) fn ids_of(objects: &[Value]) -> Vec<String> {
    objects
        .iter()
        .map(|object| object["id"].as_str().expect("an id").to_owned())
        .collect()
}

/// Runs by their chain, each chain by attempt.
pub(crate) fn chains(runs: &[Value]) -> BTreeMap<&str, Vec<&Value>> {
    let mut chains: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for run in runs {
        let chain = run["chain_id"].as_str().expect("a chain");
        chains.entry(chain).or_default().push(run);
    }
    for chain in chains.values_mut() {
        chain.sort_by_key(|run| run["attempt"].as_u64());
    }
    chains
}
