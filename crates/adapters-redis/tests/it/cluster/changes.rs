//! Changes of authority that take several steps: whoever makes them may be gone after any of them.

use std::collections::BTreeMap;

use countersign_conformance::change::{
    define_role, grant, set_gate, set_tenant, set_user, set_workspace,
};
use countersign_conformance::scene::{AWAY, Came, HOME, Scene};
use countersign_domain::{AuthorityChange, AuthorityQuery, ScopeRevision};
use countersign_ports::{LogQuery, LookedUp, PortErrorKind, UndecidedCause};

use crate::support::{Site, cluster, ports};

const SEED: &str = "as-random-as-any";

/// What the first step is made of.
const INTEND: &str = concat!(
    "#!lua\n",
    include_str!("../../../src/lua/prelude.lua"),
    include_str!("../../../src/lua/plan.lua"),
    include_str!("../../../src/lua/log.lua"),
    include_str!("../../../src/lua/directory.lua"),
    include_str!("../../../src/lua/intend.lua"),
);

async fn lend(test: impl AsyncFnOnce(&Site, Scene)) {
    let site = Site::at(cluster()).prepared().await;
    let scene = Scene::home_and_away(&ports(&site.open().await)).await;
    test(&site, scene).await;
    site.close().await;
}

/// A process that is killed between the first step and the second.
pub(super) async fn intend(
    site: &Site,
    scene: &Scene,
    change: &[&str],
    said: &AuthorityChange,
) -> String {
    let marker = site.directory("store");
    let mut raw = site.raw_to(&marker).await;
    let mut line = change.to_vec();
    let said = serde_json::to_string(said).unwrap();
    line.extend(["", &said]);
    let names = [
        "store",
        "workspaces",
        "users",
        "tenants",
        "connections",
        "roles",
        "log",
        "intent",
    ];
    let keys = names.map(|name| site.directory(name));
    let answer: Vec<String> = redis::cmd("EVAL")
        .arg(INTEND)
        .arg(keys.len())
        .arg(&keys)
        .arg(scene.ports.runs.store().id.to_string())
        .arg(site.prefix())
        .arg(SEED)
        .arg(r#"{"home":0,"away":0}"#)
        .arg(serde_json::to_string(&line).unwrap())
        .query_async(&mut raw)
        .await
        .unwrap();
    answer[0].clone()
}

async fn close_home(site: &Site, scene: &Scene) {
    let said = set_workspace(HOME.workspace, false);
    let told = intend(site, scene, &["set_workspace", HOME.workspace, "0"], &said).await;
    assert_eq!(told, "intended");
}

async fn field(site: &Site, key: &str, field: &str) -> Option<String> {
    let mut raw = site.raw_to(key).await;
    let held: redis::RedisResult<Option<String>> = redis::cmd("HGET")
        .arg((key, field))
        .query_async(&mut raw)
        .await;
    held.unwrap()
}

/// Whether nobody is in the middle of a change.
async fn is_at_rest(site: &Site) -> bool {
    field(site, &site.directory("intent"), "seed")
        .await
        .is_none()
}

async fn home_is_open(scene: &Scene) -> bool {
    let facts = scene.look_up(&HOME.query()).await.facts().clone();
    facts.workspace.unwrap().active
}

async fn logged(scene: &Scene) -> Vec<(AuthorityChange, Vec<ScopeRevision>)> {
    let query = LogQuery {
        workspace_id: None,
        before: None,
        limit: 2,
    };
    let entries = scene.ports.authority.log(&query).await.unwrap();
    entries
        .into_iter()
        .map(|entry| (entry.change, entry.raised))
        .collect()
}

#[tokio::test]
async fn a_change_whose_maker_is_gone_is_finished_by_the_next() {
    lend(async |site, scene| {
        let key = scene.submit(HOME.sync()).await;
        let judged = scene.judge(&key).await;
        close_home(site, &scene).await;
        assert!(home_is_open(&scene).await, "no slice has it yet");

        let next = set_gate(AWAY.workspace, None, false);
        let applied = scene.apply(std::slice::from_ref(&next)).await;
        assert!(is_at_rest(site).await);
        assert!(!home_is_open(&scene).await);
        assert_eq!(scene.begin_one(&judged).await, Came::Moved);
        let now = scene.look_up(&HOME.query()).await.fence().scopes.to_vec();
        let finished = (set_workspace(HOME.workspace, false), now);
        assert_eq!(logged(&scene).await, [(next, applied.raised), finished]);
    })
    .await;
}

/// The directory has the tenant in the workspace that it moved to, and no slice has it.
#[tokio::test]
async fn a_change_whose_maker_is_gone_is_finished_by_a_look_up_that_lacks_it() {
    lend(async |site, scene| {
        let said = set_tenant(HOME.tenant, AWAY.workspace);
        let change = ["set_tenant", HOME.tenant, AWAY.workspace, "active"];
        assert_eq!(intend(site, &scene, &change, &said).await, "intended");
        let query = AuthorityQuery {
            tenant_id: HOME.tenant.parse().unwrap(),
            ..AWAY.query()
        };
        let facts = scene.look_up(&query).await.facts().clone();
        assert_eq!(facts.tenant.unwrap().workspace_id.as_str(), AWAY.workspace);
        assert!(is_at_rest(site).await);
    })
    .await;
}

#[tokio::test]
async fn a_change_whose_maker_is_gone_is_finished_by_the_sweeper() {
    lend(async |site, scene| {
        close_home(site, &scene).await;
        scene.rescue(1).await;
        assert!(is_at_rest(site).await);
        assert!(!home_is_open(&scene).await);
    })
    .await;
}

/// What one has finished another has on its way, still.
#[tokio::test]
async fn a_step_that_comes_late_changes_nothing() {
    lend(async |site, scene| {
        close_home(site, &scene).await;
        let intent = site.directory("intent");
        let mut raw = site.raw_to(&intent).await;
        let held: redis::RedisResult<Vec<u8>> =
            redis::cmd("DUMP").arg(&intent).query_async(&mut raw).await;
        let held = held.unwrap();
        scene.rescue(1).await;
        scene.apply(&[set_workspace(HOME.workspace, true)]).await;
        let slice = site.tagged(HOME.workspace, "slice");
        let revision = field(site, &slice, "revision").await;
        // As whoever had read it before it was concluded would send it, or a replica that knows of no more.
        site.restore(&intent, Some(held)).await;
        site.command(&["DEL", &site.directory("log")]).await;
        scene.rescue(1).await;
        assert!(home_is_open(&scene).await);
        assert!(is_at_rest(site).await, "it is in nobody's way");
        assert_eq!(field(site, &slice, "revision").await, revision);
    })
    .await;
}

/// A replica that was promoted had not been sent the last numbers.
#[tokio::test]
async fn g2_a_directory_that_forgot_its_last_numbers_gives_none_twice() {
    lend(async |site, scene| {
        scene.apply(&[set_gate(HOME.workspace, None, true)]).await;
        let intent = site.directory("intent");
        site.command(&["HSET", &intent, "version", "1"]).await;
        let key = scene.submit(HOME.sync()).await;
        let judged = scene.judge(&key).await;
        scene.apply(&[set_workspace(HOME.workspace, false)]).await;
        assert!(!home_is_open(&scene).await);
        assert_eq!(scene.begin_one(&judged).await, Came::Moved);
    })
    .await;
}

#[tokio::test]
async fn a_slot_that_is_damaged_refuses_the_change_before_any_other_has_it() {
    lend(async |site, scene| {
        let [scope, slice] = ["scope", "slice"].map(|name| site.tagged(HOME.workspace, name));
        site.command(&["DEL", &scope]).await;
        let away = site.tagged(AWAY.workspace, "slice");
        let before = field(site, &away, "revision").await;
        let changes = [define_role("operator", &[], false).into()];
        let error = scene.ports.authority.apply(&changes).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::Corrupt, "{error}");
        assert!(error.to_string().contains(&slice), "{error}");
        assert_eq!(field(site, &away, "revision").await, before);
        assert!(is_at_rest(site).await);
    })
    .await;
}

/// Nobody gives a workspace that lost its slot another marker: what is absent there is lost.
#[tokio::test]
async fn g6_a_workspace_whose_slot_was_lost_is_undecided_and_takes_no_runs() {
    lend(async |site, scene| {
        for name in ["store", "scope", "slice"] {
            site.command(&["DEL", &site.tagged(HOME.workspace, name)])
                .await;
        }
        let queries = [HOME.query(), AWAY.query()];
        let told = scene.ports.authority.look_up(&queries).await.unwrap();
        assert!(matches!(
            told[..],
            [
                LookedUp::Undecided(UndecidedCause::MarkerMissing),
                LookedUp::Found(_)
            ]
        ));
        let refused = scene.ports.runs.submit(&[HOME.sync()]).await.unwrap_err();
        assert_eq!(refused.kind(), PortErrorKind::NotMigrated, "{refused}");
        assert_eq!(
            scene.ports.runs.submit(&[AWAY.sync()]).await.unwrap().len(),
            1
        );
    })
    .await;
}

/// Two processes, each with several changes under way, in workspaces of their own and in common ones.
#[tokio::test(flavor = "multi_thread")]
async fn changes_that_are_made_at_once_are_all_made_and_logged_in_their_order() {
    lend(async |site, scene| {
        let elsewhere = Scene::bare(&ports(&site.open().await));
        let crowd = (0..12).map(|at| {
            let scene = if at % 2 == 0 { &scene } else { &elsewhere };
            let workspace = format!("workspace {}", at % 3);
            async move {
                for round in 0..5 {
                    let user = format!("user {at} {round}");
                    let changes = [
                        grant(&user, &workspace, None::<&str>, "operator"),
                        set_user(&user, round % 2 == 0),
                    ];
                    scene.apply(&changes).await;
                }
            }
        });
        futures::future::join_all(crowd).await;
        let query = LogQuery {
            workspace_id: None,
            before: None,
            limit: 120,
        };
        let entries = scene.ports.authority.log(&query).await.unwrap();
        let mut last: BTreeMap<_, u64> = BTreeMap::new();
        for (entry, next) in entries.iter().zip(entries.iter().skip(1)) {
            assert_eq!(entry.seq, next.seq + 1);
        }
        for entry in entries.iter().rev() {
            assert_eq!(entry.raised.len(), 1, "{:?}", entry.change);
            for scope in &entry.raised {
                let counter = scope.revision.counter();
                let before = last.insert(scope.workspace.clone(), counter);
                assert!(before.is_none_or(|before| counter == before + 1));
            }
        }
    })
    .await;
}
