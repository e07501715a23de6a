//! Directory, slices and dependents agree, whatever was changed in whatever order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use countersign_conformance::change::{
    define_role, grant, remove_user, revoke, set_connection, set_gate, set_prerequisite,
    set_tenant, set_user, set_workspace,
};
use countersign_conformance::scene::Scene;
use countersign_domain::AuthorityChange;

use crate::support::{Site, ports};

/// Lots, the same ones each time.
struct Lots(u64);

impl Lots {
    fn draw(&mut self, of: u64) -> u64 {
        // Knuth's MMIX; its high bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % of
    }

    fn name(&mut self, kind: &str) -> String {
        format!("{kind}{}", self.draw(4))
    }

    fn change(&mut self) -> AuthorityChange {
        let [user, role, connection] = ["u", "r", "c"].map(|kind| self.name(kind));
        let [workspace, tenant] = ["w", "t"].map(|kind| self.name(kind));
        let of = (self.draw(3) > 0).then_some(tenant.as_str());
        let flag = self.draw(2) == 0;
        match self.draw(16) {
            0 => define_role(&role, &["a", "b"], flag),
            1 => set_workspace(&workspace, flag),
            2 | 3 => set_tenant(&tenant, &workspace),
            4 => set_user(&user, flag),
            5 => remove_user(&user),
            6..=9 => grant(&user, &workspace, of, &role),
            10 | 11 => revoke(&user, &workspace, of, &role),
            12 | 13 => set_connection(&connection, &tenant, flag),
            14 => set_gate(&workspace, of, flag),
            _ => set_prerequisite(&workspace, of, "p", flag),
        }
    }
}

type Hash = BTreeMap<String, String>;

/// Every hash of authority, by what follows the prefix in its name.
async fn hashes(site: &Site) -> BTreeMap<String, Hash> {
    let mut raw = site.raw().await;
    let mut hashes = BTreeMap::new();
    for key in site.keys().await {
        let kind: String = redis::cmd("TYPE")
            .arg(&key)
            .query_async(&mut raw)
            .await
            .unwrap();
        if kind == "hash" {
            let hash: Hash = redis::cmd("HGETALL")
                .arg(&key)
                .query_async(&mut raw)
                .await
                .unwrap();
            let name = key.replace(site.prefix(), "").replace(['{', '}'], "");
            hashes.insert(name.trim_start_matches(':').to_owned(), hash);
        }
    }
    hashes
}

/// What the directory must say of dependents, and the slices of subjects, as the slices' grants and the
/// directory's facts have it.
fn expected(found: &BTreeMap<String, Hash>) -> BTreeMap<String, Hash> {
    let nothing = Hash::new();
    let directory = |name: &str| found.get(name).unwrap_or(&nothing);
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut expected: BTreeMap<String, Hash> = BTreeMap::new();
    let mut copies: BTreeSet<(String, String, String)> = BTreeSet::new();
    for (name, slice) in found {
        let Some(workspace) = name.strip_suffix(":slice") else {
            continue;
        };
        for (field, list) in slice {
            let Some((user, tenant)) = field
                .strip_prefix("grants:")
                .and_then(|of| of.split_once('\n'))
            else {
                continue;
            };
            let of_user = format!("user:{user}");
            copies.insert((
                workspace.to_owned(),
                format!("user:{user}"),
                directory("users")[user].clone(),
            ));
            for line in list.lines() {
                let role = line.split('\t').next().unwrap();
                let granted = format!("{workspace}\n{tenant}\n{role}");
                let places = expected.entry(of_user.clone()).or_default();
                places.insert(granted, "1".to_owned());
                let of_workspace = (of_user.clone(), workspace.to_owned());
                *counts.entry(of_workspace).or_default() += 1;
                *counts
                    .entry((format!("role:{role}"), workspace.to_owned()))
                    .or_default() += 1;
                if let Some(definition) = directory("roles").get(role) {
                    copies.insert((
                        workspace.to_owned(),
                        format!("role:{role}"),
                        definition.clone(),
                    ));
                }
            }
        }
    }
    for ((key, workspace), count) in counts {
        expected
            .entry(key)
            .or_default()
            .insert(workspace, count.to_string());
    }
    for (connection, fact) in directory("connections") {
        let (_, tenant) = fact.split_once('\t').unwrap();
        expected
            .entry(format!("tenant:{tenant}"))
            .or_default()
            .insert(connection.clone(), "1".to_owned());
        if let Some(home) = directory("tenants").get(tenant) {
            let (_, workspace) = home.split_once('\t').unwrap();
            copies.insert((
                workspace.to_owned(),
                format!("connection:{connection}"),
                fact.clone(),
            ));
        }
    }
    for (tenant, fact) in directory("tenants") {
        let (lifecycle, workspace) = fact.split_once('\t').unwrap();
        copies.insert((
            workspace.to_owned(),
            format!("tenant:{tenant}"),
            lifecycle.to_owned(),
        ));
    }
    for (workspace, field, fact) in copies {
        expected
            .entry(format!("{workspace}:slice"))
            .or_default()
            .insert(field, fact);
    }
    expected
}

/// Of what was found, what [`expected`] tells.
fn told(found: &BTreeMap<String, Hash>) -> BTreeMap<String, Hash> {
    let mut told = BTreeMap::new();
    for (name, hash) in found {
        let mut hash = hash.clone();
        let kind = name.split(':').next().unwrap();
        if name.ends_with(":slice") {
            let copied = ["user:", "role:", "tenant:", "connection:"];
            hash.retain(|field, _| copied.iter().any(|kind| field.starts_with(kind)));
        } else if !["user", "role", "tenant"].contains(&kind) {
            continue;
        }
        if !hash.is_empty() {
            told.insert(name.clone(), hash);
        }
    }
    told
}

#[test]
fn directory_slices_and_dependents_agree() {
    Site::lend(async |site: Arc<Site>| {
        let scene = Scene::bare(&ports(&site.open().await));
        let mut lots = Lots(7);
        for round in 0..60 {
            let changes: Vec<_> = (0..=lots.draw(30)).map(|_| lots.change()).collect();
            scene.apply(&changes).await;
            let found = hashes(&site).await;
            assert_eq!(
                told(&found),
                expected(&found),
                "round {round}: {changes:#?}"
            );
        }
    });
}

#[test]
fn every_slice_bears_the_revision_of_its_scope() {
    Site::lend(async |site: Arc<Site>| {
        let scene = Scene::bare(&ports(&site.open().await));
        let mut lots = Lots(11);
        for _ in 0..30 {
            let changes: Vec<_> = (0..=lots.draw(10)).map(|_| lots.change()).collect();
            let applied = scene.apply(&changes).await;
            let found = hashes(&site).await;
            for raised in &applied.raised {
                let slice = &found[&format!("{}:slice", raised.workspace)];
                let scope = &found[&format!("{}:scope", raised.workspace)];
                assert_eq!(slice["revision"], raised.revision.to_string());
                assert_eq!(
                    slice["revision"],
                    format!("{}-{}", scope["counter"], scope["nonce"])
                );
            }
        }
    });
}
